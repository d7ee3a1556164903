import type { tellToMove } from "../contract/activities";
import { AttemptId } from "../domain/ids";
import { addMs } from "../domain/instant";
import type { JournalLine } from "../domain/roll/batch";
import type { Attempt, DeviceRow } from "../domain/roll/device-row";
import { isMoving } from "../domain/roll/moving";
import type { RollTiming } from "../domain/roll/request";
import type { Clock, Entropy } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { needsContainment } from "./hold-at-hub";
import { nameDevices } from "./name-devices";
import { addressee, reprovisionOrder, tell, toldLine } from "./send-methods";
import { mapSideBySide } from "./side-by-side";
import type { Step } from "./step";

export interface TellToMoveDeps extends BatchWorkDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly enrollments: Enrollments;
  readonly hubs: Hubs;
  readonly blobs: RollBlobs;
}

/**
 * Tells devices that are to change over by themselves to register again: over the very session whose credential is suspect,
 * so that the command carries no secret. Each is told once per attempt; the attempt is on record before it can hear of it.
 */
export function createTellToMove(deps: TellToMoveDeps): Step<typeof tellToMove> {
  return async ({ rollId, batch }) => {
    const request = await deps.blobs.getRequest(rollId);
    const work = await BatchWork.open(deps, "tell-to-move", { rollId, batch });
    const now = deps.clock.now();
    const moving = (): DeviceRow[] => work.rows.filter((row) => needsContainment(row) && isMoving(row, request, now));
    const unnamed = moving().filter((row) => row.deviceId === undefined);
    await nameDevices(deps, work, unnamed);
    const todo = moving().filter((row) => row.deviceId !== undefined && mayTell(row, request.timing, now));
    const devices = (await mapSideBySide(todo, (row) => addressee(deps, row))).flatMap((device) => device ?? []);
    const noted = devices.map((device) => ({ ...device, attempt: note(deps, work, device.row) }));
    await work.intend(
      noted.map(({ row, hub, attempt }) => ({
        registrationId: row.registrationId,
        target: hub,
        action: "reprovision",
        after: attempt.attemptId,
      })),
    );
    const lines: JournalLine[] = [];
    await mapSideBySide(noted, async ({ row, hub, attempt }) => {
      const device = { row: work.row(row.registrationId), hub };
      const told = await tell(deps.hubs, device, "reprovision", reprovisionOrder(rollId, request, attempt, 0));
      lines.push(toldLine(device, "reprovision", attempt.attemptId, told));
    });
    await work.settle(lines);
    return { told: noted.length };
  };
}

function mayTell({ attempt }: DeviceRow, { attemptMs }: RollTiming, now: number): boolean {
  return attempt === undefined || addMs(attempt.startedAt, attemptMs) <= now;
}

function note({ clock, entropy }: TellToMoveDeps, work: BatchWork, row: DeviceRow): Attempt {
  const attempts = row.attempts + 1;
  const attempt = {
    attemptId: AttemptId.parse(`a${attempts}`),
    nonce: entropy.randomHex(16),
    startedAt: clock.now(),
  };
  work.set({ ...work.row(row.registrationId), attempts, attempt });
  return attempt;
}
