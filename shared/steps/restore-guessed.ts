import { decideRestore, forgetGuess, owesRestore, withGuessWarning } from "../domain/hub/guess";
import type { RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import type { GuessedHold } from "../domain/roll/device-row";
import type { Entropy } from "../ports/clock";
import type { Hubs, IdentityWrite } from "../ports/hubs";
import type { BatchWork } from "./batch-work";
import {
  describeIdentity,
  describeWrite,
  readIdentities,
  sentinelsUpTo,
  writeIdentities,
  type IdentityAt,
} from "./identities";

const PASSES = 5;

/**
 * Gives identities back that were held under a name that turned out to be another device's. What a hub does not answer for
 * stays noted on the row and is tried again.
 */
export async function restoreGuessed(
  deps: { readonly entropy: Entropy; readonly hubs: Hubs },
  work: BatchWork,
  rollId: RollId,
  outcome: JournalLine[],
): Promise<void> {
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const todo = work.rows
      .filter((row) => owesRestore(row))
      .flatMap((row) => (row.guessed ?? []).map((before) => ({ ...before, row, before })));
    if (todo.length === 0) return;
    const { read } = await readIdentities(deps.hubs, todo);
    if ((await restore(deps, work, rollId, read, outcome)) === 0) return;
  }
}

/** Decides, journals, writes; answers how many lost a race. */
async function restore(
  deps: { readonly entropy: Entropy; readonly hubs: Hubs },
  work: BatchWork,
  rollId: RollId,
  read: readonly (IdentityAt & { readonly before: GuessedHold })[],
  outcome: JournalLine[],
): Promise<number> {
  const planned: { at: IdentityAt; hub: IdentityAt["hub"]; write: IdentityWrite }[] = [];
  for (const at of read) {
    const row = work.row(at.row.registrationId);
    const ours = sentinelsUpTo(deps.entropy, rollId, at, at.before.round);
    const decision = decideRestore(at.identity, at.before, ours, row.bad);
    // Another row of the batch has this device for its own: what becomes of the identity is decided there.
    const isAnothers = work.rows.some(({ deviceId }) => deviceId === at.deviceId);
    if (isAnothers || decision.kind === "nothing" || at.identity === undefined) {
      work.set(forgetGuess(row, at));
      continue;
    }
    work.set(withGuessWarning(row));
    const { kind: _kind, ...slots } = decision;
    const { deviceId, etag, iotEdge } = at.identity;
    planned.push({ at, hub: at.hub, write: { deviceId, etag, iotEdge, statusReason: undefined, ...slots } });
  }
  await work.intend(
    planned.map(({ at, write }) => ({
      registrationId: at.row.registrationId,
      target: at.hub,
      action: `restore ${at.deviceId}`,
      before: describeIdentity(at.identity),
      after: describeWrite(write),
    })),
  );
  const outcomeOf = await writeIdentities(deps.hubs, planned);
  let lost = 0;
  for (const { at, hub } of planned) {
    const result = outcomeOf(hub, at.deviceId);
    const { registrationId } = at.row;
    outcome.push({ registrationId, target: hub, action: `restore ${at.deviceId}`, result: result.outcome });
    if (result.outcome === "written") work.set(forgetGuess(work.row(registrationId), at));
    else if (result.outcome !== "failed") lost += 1;
  }
  return lost;
}
