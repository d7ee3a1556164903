import { standing } from "../domain/hub/allow-set";
import type { RollId } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import type { HubRecord } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Clock, Entropy } from "../ports/clock";
import type { Hubs, IdentityDeletionOutcome, RegisteredDevice } from "../ports/hubs";
import type { BatchWork } from "./batch-work";
import { allowSet, describeIdentity, recordOf, warnOfKeys, withRecord, type IdentityAt } from "./identities";
import { mapSideBySide, orOutage } from "./side-by-side";

export interface DeleteAtHubDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly hubs: Hubs;
}

type Pair = Omit<IdentityAt, "identity">;

/**
 * Deletes identities, with twin, modules and queued messages: DPS makes a new one when the device registers again. The
 * generation that was deleted is noted before, so that a run that was cut off can tell the new identity from the old one.
 * Answers how many lost a race, and how many hubs' answers are missing.
 */
export async function deleteAtHub(
  deps: DeleteAtHubDeps,
  work: BatchWork,
  rollId: RollId,
  pairs: readonly Pair[],
  outcome: JournalLine[],
): Promise<{ readonly lost: number; readonly outages: number }> {
  const planned: { readonly at: Pair; readonly device: RegisteredDevice }[] = [];
  let outages = 0;
  await mapSideBySide(pairs, async (at) => {
    const reading = await orOutage(deps.hubs.hub(at.hub).readRegistered(at.deviceId));
    if (reading instanceof RollError) {
      outages += 1;
      return;
    }
    const row = work.row(at.row.registrationId);
    const record = recordOf(row, at.hub);
    if (reading.outcome === "missing") {
      work.set(
        withRecord(
          row,
          at.hub,
          record.generationBefore === undefined ? { ...record, absent: true } : gone(deps, record),
        ),
      );
      return;
    }
    const { device } = reading;
    const now = standing(device, allowSet(deps.entropy, rollId, { ...at, row }));
    if (now === "no-certificate") {
      work.set(withRecord(warnOfKeys(row, device), at.hub, { ...record, absent: true }));
      return;
    }
    const isNew = record.generationBefore !== undefined && record.generationBefore !== device.generationId;
    if (isNew && now === "allowed") {
      work.set(withRecord(row, at.hub, { ...gone(deps, record), absent: false }));
      return;
    }
    work.set(withRecord(row, at.hub, { ...record, generationBefore: device.generationId }));
    planned.push({ at, device });
  });
  await work.intend(
    planned.map(({ at, device }) => ({
      registrationId: at.row.registrationId,
      target: at.hub,
      action: "delete",
      before: `${describeIdentity(device)} generation=${device.generationId}`,
      after: "absent",
    })),
  );
  const lost = await write(deps, work, planned, outcome);
  return { lost, outages };
}

async function write(
  deps: DeleteAtHubDeps,
  work: BatchWork,
  planned: readonly { readonly at: Pair; readonly device: RegisteredDevice }[],
  outcome: JournalLine[],
): Promise<number> {
  let lost = 0;
  for (const hub of new Set(planned.map(({ at }) => at.hub))) {
    const here = planned.filter(({ at }) => at.hub === hub);
    const deletions = here.map(({ device: { deviceId, etag } }) => ({ deviceId, etag }));
    const answers = await orOutage(deps.hubs.hub(hub).deleteIdentities(deletions));
    for (const { at } of here) {
      const result: IdentityDeletionOutcome =
        answers instanceof RollError
          ? { outcome: "failed", detail: answers.code }
          : (answers.get(at.deviceId) ?? { outcome: "deleted" });
      outcome.push({ registrationId: at.row.registrationId, target: hub, action: "delete", result: result.outcome });
      const row = work.row(at.row.registrationId);
      if (result.outcome === "deleted" || result.outcome === "missing")
        work.set(withRecord(row, hub, gone(deps, recordOf(row, hub))));
      else if (result.outcome === "precondition-failed") lost += 1;
    }
  }
  return lost;
}

/** Nothing to hold and nothing to release: the sessions went with the identity. */
function gone({ clock }: DeleteAtHubDeps, record: HubRecord): HubRecord {
  return { ...record, absent: true, heldAt: clock.now(), releasedAt: clock.now(), lastWrite: "deleted" };
}
