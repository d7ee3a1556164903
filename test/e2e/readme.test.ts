import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { API_ROUTES } from "../../shared/contract/api-routes";
import type { ApiRoute } from "../../shared/contract/api-route";
import { repository, Workplace, type LabProcess } from "../lab/cli/lab-process";

// What README.md and docs/operating.md tell a reader to paste is pasted, against the lab that `npm start` brings up. Needs `dist/`.

const patienceMs = 400_000;

interface Block {
  /** The heading above it. */
  readonly heading: string;
  readonly text: string;
}

interface Request {
  readonly status: number;
  readonly method: string;
  readonly path: string;
}

/** The shell blocks of a page, in order. */
async function blocksOf(page: string): Promise<Block[]> {
  const text = await readFile(join(repository, page), "utf8");
  let heading = "";
  return [...text.matchAll(/^#+ (.*)$|^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, title, block]) => {
    if (title !== undefined) heading = title;
    return block === undefined ? [] : [{ heading, text: block }];
  });
}

let place: Workplace;
let lab: LabProcess;
let requests: Request[] = [];
/** What was printed below each heading. */
const printed = new Map<string, string>();
let code: number | null;
const notices: { readonly type: string; readonly signed: boolean }[] = [];
let inbox: Server;

beforeAll(async () => {
  place = await Workplace.open();
  inbox = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { type } = JSON.parse(body) as { type: string };
      notices.push({ type, signed: request.headers["x-roll-signature"] !== undefined });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((listening) => inbox.listen(0, "127.0.0.1", listening));
  lab = await place.start({ ROLLCALL_NOTIFY: await notify((inbox.address() as AddressInfo).port) });
  const all = [...(await blocksOf("README.md")), ...(await blocksOf("docs/operating.md"))];
  // The first installs; what comes after the last is another lab's, and has a test of its own.
  const pasted = all.filter(({ text, heading }) => !text.includes("npm ci") && heading !== "The lab alone");
  const script = pasted.map(({ heading, text }) => `printf '\\n@@ %s\\n' '${heading}'\n${text}`).join("\n");
  const ended = await place.shell(`PATH="$PWD/bin:$PATH"\n${script}`, await shims());
  code = ended.code;
  for (const part of ended.output.split(/^@@ /m).slice(1)) {
    const heading = part.slice(0, part.indexOf("\n"));
    printed.set(heading, (printed.get(heading) ?? "") + part.slice(heading.length));
  }
  requests = (await readFile(join(place.folder, "requests"), "utf8")).split("\n").flatMap((line) => {
    const [, status, method = "", path = ""] = /^(\d{3}) (\w+) http:\/\/[^/]+(\/\S*)$/.exec(line) ?? [];
    return status === undefined ? [] : [{ status: Number(status), method, path }];
  });
}, patienceMs);

afterAll(async () => {
  await place.close();
  inbox.close();
}, patienceMs);

/** The page's own setting, with a port that is free here. */
async function notify(port: number): Promise<string> {
  const page = await readFile(join(repository, "docs/operating.md"), "utf8");
  const [, json = ""] = /```json\n(\[[\s\S]*?)```/.exec(page) ?? [];
  return json.replace(":7080", `:${String(port)}`).trim();
}

/** curl also notes what it asked and was answered; `npm run verify` is the program that `npm test` has built. */
async function shims(): Promise<Record<string, string>> {
  const bin = join(place.folder, "bin");
  await mkdir(bin);
  const curl = execFileSync("sh", ["-c", "command -v curl"], { encoding: "utf8" }).trim();
  const programs = {
    curl: `exec ${curl} "$@" -w '%{stderr}%{http_code} %{method} %{url_effective}\\n' 2>>"$REQUESTS"`,
    npm: `[ "$1 $2 $3" = "run verify --" ] || exit 2; shift 3; exec node ${join(repository, "dist/verify/main.js")} "$@"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return { REQUESTS: join(place.folder, "requests") };
}

/** Everything that was printed. */
function all(): string {
  return [...printed.values()].join("\n");
}

function routeOf({ method, path }: Request): string {
  const [bare = ""] = path.split("?");
  const fits = ({ path: route }: ApiRoute): boolean =>
    new RegExp(`^/api/${route.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`).test(bare);
  const asked = method === "OPTIONS" ? "POST" : method;
  const candidates = Object.entries<ApiRoute>(API_ROUTES).filter(([, route]) => route.method === asked && fits(route));
  // `inventory/lints` is not an inventory's id.
  const [found] = candidates.sort(([, a], [, b]) => a.path.split("{").length - b.path.split("{").length);
  return found?.[0] ?? `${method} ${bare}`;
}

test("every command works as it stands", () => {
  expect(requests.filter(({ status }) => status >= 400)).toEqual([]);
  expect({ code, printed: [...printed.values()].at(-1) }).toMatchObject({ code: 0 });
});

test("every endpoint has a command", () => {
  const shown = new Set(requests.map(routeOf));
  const missing = Object.keys(API_ROUTES).filter((name) => !shown.has(name));
  // Days after an order for a CA whose key is elsewhere, with a certificate that somebody else has signed.
  expect(missing).toEqual(["submitPossession"]);
});

test.each<[string, readonly (string | RegExp)[]]>([
  ["Look at a roll", ['"outcome":"completed"', '"counts":{"proven":25}', /^SOUND/m, /devices: 25 \(25 proven\)/]],
  [
    "Report a breach",
    ['"duplicate":false', '"id":"IR-1183","outcome":"accepted"', /"id":"IR-1182".*"outcome":"started"/],
  ],
  [
    "Order a roll, approve it, steer it",
    [
      '"dryRun":true',
      /"registrationId":"valve-004","state":"skipped"/,
      '"desired":"paused"',
      '"desired":"aborted"',
      /"phase":"finished".*"counts":\{"retired":1,"skipped":1\}/,
    ],
  ],
  ["Certificates that run out", ['"level":"leaf"', '"certain":1', '"version":1', /"noted":[1-9]/, '"devices":[]']],
  ["Who was heard, and when", ['"devices":[]', '"received"']],
  ["Identities of a hub", ['"site":"pier 4"', '"statusReason":"in repair"', '"status":"enabled"', "crane-2"]],
  ["What keeps a device out", ['"kind":"deny"', '"by":"Anna Approver"']],
  ["The app itself", ['"status":"ok"', '"ready":true']],
  [
    "Alerts of others",
    [
      "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
      ...["4", "5", "6", "7"].map((n) => new RegExp(`IR-118${n}.*"outcome":"accepted"`)),
    ],
  ],
  ["How long things are kept", ['"purge":"started"', '"purgedAt"', /^SOUND/m]],
])("%s: the answers are those that the text promises", (heading, expected) => {
  const text = printed.get(heading) ?? "";
  for (const part of expected) {
    if (typeof part === "string") expect(text).toContain(part);
    else expect(text).toMatch(part);
  }
});

test("who is told without asking is told, signed", async () => {
  for (const end = Date.now() + 90_000; !notices.some(({ type }) => /finish/i.test(type)) && Date.now() < end;)
    await new Promise((wake) => setTimeout(wake, 200));
  expect(notices).toContainEqual({ type: expect.stringMatching(/finish/i) as string, signed: true });
  expect(notices.every(({ signed }) => signed)).toBe(true);
}, 100_000);

test("what was purged is gone but for the report, and its alert starts nothing again", async () => {
  const variables = await readFile(join(place.folder, ".rollcall/app.env"), "utf8");
  const {
    APP = "",
    OLGA = "",
    SOC = "",
    ROLL = "",
  } = Object.fromEntries([...variables.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name = "", value = ""]) => [name, value]));
  const ask = async (who: string, path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${APP}/api/${path}`, { ...init, headers: { authorization: `Bearer ${who}` } });
    return { status: response.status, text: await response.text() };
  };
  for (const part of ["devices", "plan", "journal", "stragglers.csv", "knocking"])
    expect(await ask(OLGA, `rolls/${ROLL}/${part}`)).toMatchObject({
      status: 410,
      text: expect.stringContaining('"code":"roll-purged"') as string,
    });
  const [, body = ""] =
    /alerts\/cloudevents .*-d '(\{[\s\S]*?\})'/.exec(await readFile(join(repository, "README.md"), "utf8")) ?? [];
  const [, rollId = "none"] = /"id":"IR-1183","outcome":"accepted","rollId":"([^"]+)"/.exec(all()) ?? [];
  expect((await ask(SOC, "alerts/cloudevents", { method: "POST", body })).text).toContain(
    `"outcome":"known","rollId":"${rollId}"`,
  );
});

test("Ctrl-C takes away what it left for the shell", async () => {
  expect(await lab.interrupt()).toBe(0);
  await expect(readFile(join(place.folder, ".rollcall/app.env"))).rejects.toThrow("ENOENT");
}, 60_000);
