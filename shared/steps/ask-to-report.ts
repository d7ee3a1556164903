import { AttemptId, type RollId } from "../domain/ids";
import { addMs, type Instant } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow } from "../domain/roll/device-row";
import type { RollRequest } from "../domain/roll/request";
import type { Clock, Entropy } from "../ports/clock";
import type { Hubs } from "../ports/hubs";
import type { BatchWork } from "./batch-work";
import { recordOf } from "./identities";
import { reprovisionOrder, tell, toldLine, type Addressee } from "./send-methods";
import { mapSideBySide } from "./side-by-side";

export interface AskToReportDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly hubs: Hubs;
}

/** A roll that waits for its devices. */
export interface AskingRoll {
  readonly rollId: RollId;
  readonly request: RollRequest;
  /** How often people have asked for another try. */
  readonly retries: number;
  /** False: somebody has paused or aborted it; nothing is told to devices. */
  readonly running: boolean;
}

/** Whether a device that was heard again may be asked, once per attempt. `heardAt`: its newest message. */
export function mayAsk(
  { row, heardAt }: { readonly row: DeviceRow; readonly heardAt: Instant },
  { request, retries }: AskingRoll,
  now: Instant,
): boolean {
  const { attempt } = row;
  if (attempt === undefined || retries > (row.retriesSeen ?? 0)) return true;
  // It knows nothing of the last command: as soon as it is heard again there is a session to ask over.
  if (attempt.unreached === true) return heardAt > attempt.startedAt;
  // Asked again only if it was heard since, and not while it may still be about to answer.
  return addMs(attempt.startedAt, request.timing.attemptMs) <= now && heardAt > attempt.startedAt;
}

/**
 * Begins an attempt with each of these devices and tells it: to report, over the session that it has come back on. Devices
 * must be told at the hub whose identity was just read.
 */
export async function askToReport(
  deps: AskToReportDeps,
  work: BatchWork,
  { rollId, request, retries }: AskingRoll,
  ready: readonly Addressee[],
  lines: JournalLine[],
): Promise<void> {
  const attempts = ready.map(({ row, hub }) => {
    const attempts = row.attempts + 1;
    const attempt = {
      attemptId: AttemptId.parse(`a${attempts}`),
      nonce: deps.entropy.randomHex(16),
      startedAt: deps.clock.now(),
    };
    // What the last answer missed says nothing about the next one.
    const { missing: _missing, ...rest } = row;
    work.set({ ...rest, attempts, attempt, retriesSeen: retries });
    // Where we wrote the new leaf ourselves, DPS has yet to show that it accepts it.
    const method = recordOf(row, hub).lastWrite === "planned" ? ("reprovision" as const) : ("report" as const);
    return { registrationId: row.registrationId, hub, attempt, method };
  });
  // The attempt is on record before the device can hear of it.
  await work.intend(
    attempts.map(({ registrationId, hub, attempt, method }) => ({
      registrationId,
      target: hub,
      action: method,
      after: attempt.attemptId,
    })),
  );
  await mapSideBySide(attempts, async ({ registrationId, hub, attempt, method }) => {
    const row = work.row(registrationId);
    if (row.deviceId === undefined) return;
    const { attemptId, nonce } = attempt;
    const device = { row, hub };
    const told =
      method === "report"
        ? await tell(deps.hubs, device, method, { rollId, attemptId, nonce })
        : await tell(deps.hubs, device, method, reprovisionOrder(rollId, request, attempt, 0));
    if (told.outcome === "taken") work.set({ ...row, attempt: { ...attempt, acknowledgedAt: deps.clock.now() } });
    else if (told.outcome === "unreachable") work.set({ ...row, attempt: { ...attempt, unreached: true } });
    lines.push(toldLine(device, method, attemptId, told));
  });
}
