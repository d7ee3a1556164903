import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { phaseTables, type PhaseRow } from "../../../shared/domain/roll/phases";
import { Playbook } from "../../../shared/domain/roll/playbook";

const file = join(__dirname, "../../../docs/playbooks.md");

/** The page is the phase tables, for people: `UPDATE_DOCS=1` writes it anew. */
it("docs/playbooks.md says what the phase tables say", () => {
  const page = `${write()}\n`;
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, page);
  expect(readFileSync(file, "utf8")).toBe(page);
});

function write(): string {
  return [INTRODUCTION, ...Playbook.options.map(section), WHO].join("\n\n");
}

function section(playbook: Playbook): string {
  const rows = phaseTables[playbook];
  return [
    `## ${playbook}`,
    TITLES[playbook],
    "| Phase | What happens | Why here | Over when |\n| --- | --- | --- | --- |\n" + rows.map(line).join("\n"),
  ].join("\n\n");
}

function line({ phase, does, because, until, irreversible, optional }: PhaseRow): string {
  const marks = [...(optional === true ? ["_if needed_"] : []), ...(irreversible === true ? ["**for good**"] : [])];
  return `| ${["`" + phase + "`", ...marks].join(" ")} | ${does} | ${because} | ${until} |`;
}

const INTRODUCTION = `# Playbooks

Written by \`npm run docs\` from \`shared/domain/roll/phases.ts\`; a test compares. A roll only moves forward. Phases marked
_if needed_ are passed over where the roll does not need them; **for good** marks what cannot be taken back. A roll's own plan
(\`GET /api/rolls/{rollId}/plan\`) has the same rows, without those it does not go through.`;

const TITLES: Readonly<Record<Playbook, string>> = {
  "individual-breach": "Certificates of individually enrolled devices are in the wrong hands.",
  "individual-expiry": "Certificates of individually enrolled devices run out.",
  "group-breach": "A CA of an enrollment group, or leaves below it, are in the wrong hands.",
  "group-expiry": "A CA of an enrollment group, or the leaves below it, run out.",
};

const WHO = `## Dry runs

An order with \`"dryRun": true\` ends with its plan, outcome \`planned\`, for any playbook. It is carried out by an orchestrator
that calls nothing but what reads; devices are not claimed.

## Approval

A plan waits in \`awaiting-approval\` where the order says \`"approval": "required"\`, and, unless \`ROLLCALL_APPROVALS\` is
\`as-ordered\`, for every expiry roll of a CA: devices that never registered cannot be counted, and may be locked out when the old
CA goes. \`POST /api/rolls/{rollId}/approve\` with the plan's \`planHash\` lets it go on; the hash covers the list of devices and
what was read of each, so that it is good for this plan alone. Whoever asked for the roll cannot approve it. Containment waits
for no approval of a plan; an alert that nobody answers for by name cuts off only so many devices without one.`;
