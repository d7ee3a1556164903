import { firstPart, furtherPart, lastPart } from "../domain/evidence/layout";
import type { RollId } from "../domain/ids";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { RollError } from "../domain/roll-error";
import type { EvidenceStore } from "../ports/evidence";
import type { RollStore } from "../ports/stores";
import { evidenceDocuments } from "../steps/evidence/documents";
import { signEvidence, type SignEvidenceDeps } from "../steps/evidence/seal-evidence";
import { findRoll } from "./find-roll";

export interface ReadEvidenceDeps extends SignEvidenceDeps {
  readonly rolls: RollStore;
  readonly evidence: EvidenceStore;
}

/** Pages that are sent in one answer: some 10,000 devices. */
const WHOLE_PAGES = 16;

/**
 * A finished roll's report, or the part of it with this number; parts one after another are the report. A report that could
 * not be signed when it was made is signed now.
 *
 * Problems: `unknown-roll`, `evidence-not-ready`, `evidence-missing`, `evidence-in-parts`, `invalid-cursor`,
 * `signer-unavailable`.
 */
export function createReadEvidence(
  deps: ReadEvidenceDeps,
): (rollId: string, part: string | null) => Promise<{ readonly text: string } | Problem> {
  return async (id, part) => {
    const roll = await findRoll(deps.rolls, id);
    if (isProblem(roll)) return roll;
    const sealed = await deps.blobs.findDocument(roll.rollId, evidenceDocuments.sealed);
    if (sealed === undefined) return notThere(roll.phase === "finished" && (await isClosed(deps, roll.rollId)));
    const { pages, seal } = sealed;
    const wanted = part === null ? undefined : /^\d{1,6}$/.test(part) ? Number(part) : Infinity;
    if (wanted === undefined && pages > WHOLE_PAGES)
      return problem(413, "evidence-in-parts", `the report is long: fetch ?part=[0-${pages}] one after another`);
    if (wanted !== undefined && wanted > pages)
      return problem(400, "invalid-cursor", `part must be a number from 0 to ${pages}`);
    const texts: string[] = [];
    for (let n = wanted ?? 0; n < pages && n <= (wanted ?? n); n += 1) texts.push(await pageText(deps, roll.rollId, n));
    if ((wanted ?? pages) === pages) {
      const signature = await signatureOf(deps, roll.rollId, seal);
      if (signature === "away")
        return problem(503, "signer-unavailable", "the key that signs reports does not answer; try again later");
      texts.push(lastPart(seal, signature));
    }
    return { text: texts.join("") };
  };
}

function notThere(isOver: boolean): Problem {
  return isOver
    ? problem(404, "evidence-missing", "no report could be made when the roll was closed; the app's log says why")
    : problem(409, "evidence-not-ready", "the report is made when the roll is finished; wait for phase finished");
}

/** A roll is finished a moment before its report is made, and off the list of open ones after it. */
async function isClosed({ rolls }: ReadEvidenceDeps, rollId: RollId): Promise<boolean> {
  return !(await rolls.listOpen()).some((open) => open.rollId === rollId);
}

async function pageText({ evidence }: ReadEvidenceDeps, rollId: RollId, page: number): Promise<string> {
  const lines = await evidence.readPage(rollId, page);
  if (lines === undefined)
    throw new RollError("store-corrupt", `page ${page} of the evidence of ${rollId} is gone`, false);
  return page === 0 ? firstPart(lines) : furtherPart(lines);
}

async function signatureOf(
  deps: ReadEvidenceDeps,
  rollId: RollId,
  seal: Parameters<typeof signEvidence>[2],
): Promise<Awaited<ReturnType<typeof signEvidence>> | "away"> {
  try {
    return await signEvidence(deps, rollId, seal);
  } catch (error) {
    if (!(error instanceof RollError)) throw error;
    return "away";
  }
}
