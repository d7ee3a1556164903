import type { writeEvidence } from "../../contract/evidence";
import { EvidenceLine, type Link } from "../../domain/evidence/lines";
import type { EvidenceHashes } from "../../domain/evidence/merkle";
import { EvidenceTally, linkLines, UNTIED, type EvidenceTies } from "../../domain/evidence/page";
import { commandLink, deviceLine, requestLine, stepLink, writeLink } from "../../domain/evidence/write";
import type { RollId } from "../../domain/ids";
import { inOrderOfTime, type RollJournalEntry } from "../../domain/roll/journal";
import type { Roll } from "../../domain/roll/roll";
import { RollError } from "../../domain/roll-error";
import type { ControlStore } from "../../ports/control";
import type { EvidenceStore } from "../../ports/evidence";
import type { RollJournal } from "../../ports/roll-journal";
import type { BatchStore, FactStore, RollBlobs, RollStore } from "../../ports/stores";
import { mapSideBySide } from "../side-by-side";
import type { Step } from "../step";
import { evidenceDocuments } from "./documents";

export interface WriteEvidenceDeps {
  readonly hashes: EvidenceHashes;
  readonly evidence: EvidenceStore;
  readonly rolls: RollStore;
  readonly batches: BatchStore;
  readonly facts: Pick<FactStore, "read">;
  readonly blobs: RollBlobs;
  readonly control: ControlStore;
  readonly journal: RollJournal;
}

/** Batches per page: some 700 devices and a few megabytes of what was done to them. */
const BATCHES = 8;

type Unlinked = Parameters<typeof linkLines>[1][number];

/** See the contract. A page is written once: lines that stand are followed, whatever their sources say by now. */
export function createWriteEvidence(deps: WriteEvidenceDeps): Step<typeof writeEvidence> {
  return async ({ rollId, page }) => {
    try {
      const roll = await deps.rolls.get(rollId);
      const batches = roll?.waves === undefined ? 0 : roll.batches;
      if (roll !== undefined) await writePage(deps, roll, page, batches);
      const more = page * BATCHES < batches;
      return { outcome: "written", ...(more ? { next: page + 1 } : {}) };
    } catch (error) {
      if (!(error instanceof RollError) || error.retryable) throw error;
      return { outcome: "unreadable", code: error.code };
    }
  };
}

async function writePage(deps: WriteEvidenceDeps, roll: Roll, page: number, batches: number): Promise<void> {
  const { blobs, evidence, hashes } = deps;
  const { rollId } = roll;
  const document = evidenceDocuments.page(page);
  if ((await blobs.findDocument(rollId, document)) !== undefined) return;
  const before = await tiesBefore(deps, rollId, page);
  const lines = page === 0 ? await openingLines(deps, rollId) : await batchLines(deps, roll, page, batches);
  const stand = await evidence.putPage(rollId, page, linkLines(before, lines, hashes));
  const tally = new EvidenceTally(hashes, before);
  for (const text of stand)
    if (!tally.take(EvidenceLine.parse(JSON.parse(text)), text))
      throw new RollError("store-corrupt", `page ${page} of the evidence of ${rollId} is not linked`, false);
  await blobs.putDocument(rollId, document, tally.page);
}

async function tiesBefore({ blobs }: WriteEvidenceDeps, rollId: RollId, page: number): Promise<EvidenceTies> {
  if (page === 0) return UNTIED;
  const before = await blobs.findDocument(rollId, evidenceDocuments.page(page - 1));
  if (before !== undefined) return before.ties;
  throw new RollError("store-corrupt", `page ${page - 1} of the evidence of ${rollId} is gone`, false);
}

async function openingLines({ blobs, control, journal }: WriteEvidenceDeps, rollId: RollId): Promise<Unlinked[]> {
  const [request, commands] = await Promise.all([blobs.getRequest(rollId), control.readJournal(rollId)]);
  const writes: RollJournalEntry[] = [];
  for (let after: string | undefined, more = true; more;) {
    const { entries, next } = await journal.read(rollId, { limit: 1_000, ...(after === undefined ? {} : { after }) });
    writes.push(...entries);
    [after, more] = [next, next !== undefined];
  }
  return [requestLine(request), ...commands.map(commandLink), ...inOrderOfTime(writes).map(writeLink)];
}

async function batchLines(
  deps: WriteEvidenceDeps,
  roll: Roll,
  page: number,
  batches: number,
): Promise<readonly Unlinked[]> {
  const from = (page - 1) * BATCHES;
  const numbers = Array.from({ length: Math.min(BATCHES, batches - from) }, (_, n) => from + n);
  const all = await mapSideBySide(
    numbers,
    async (batch) => {
      // A roll that was refused or aborted early has batches that nobody opened.
      const rows = (await deps.batches.find(roll.rollId, batch)) ?? [];
      const steps = rows.length === 0 ? [] : await deps.batches.readJournal(roll.rollId, batch);
      const links: Link[] = steps.map((entry) => stepLink(batch, entry));
      const contained = rows.flatMap(({ deviceId, containedAt }) =>
        containedAt === undefined ? [] : (deviceId ?? []),
      );
      const facts = contained.length === 0 ? undefined : await deps.facts.read(contained);
      const lines = rows.map((row) => deviceLine(roll, batch, row, row.deviceId && facts?.get(row.deviceId)));
      return [...links, ...lines];
    },
    4,
  );
  return all.flat();
}
