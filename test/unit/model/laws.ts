import { confirmContained, recheckContained } from "../../../shared/contract/activities";
import type { RollId } from "../../../shared/domain/ids";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { RollTiming } from "../../../shared/domain/roll/request";
import type { Truth } from "./truth";
import type { Watch } from "./watch";

/** The step that claims "contained" by fresh reads, and the one that takes the claim back. */
const CONFIRMS = confirmContained.name;
const RECHECKS = recheckContained.name;

/** A roll's rows as they are after a step. */
export interface Standing {
  readonly rollId: RollId;
  readonly rows: readonly DeviceRow[];
}

/**
 * What must hold of the app's claims, whoever has done what in between. Rows are what the app says; whether it is so is
 * asked of the services.
 */
export class Laws {
  /** When the app last found a device contained, in the order of events. */
  private readonly foundAt = new Map<string, number>();
  /** When a thief last spoke over a session that should have been cut, by the app's clock. */
  readonly spokeAt = new Map<string, number>();

  constructor(
    private readonly truth: Truth,
    private readonly watch: Watch,
    private readonly timing: RollTiming,
  ) {}

  /** After a step that nothing disturbed: what it claims is so, and what was not so any more it has said. */
  afterStep(activity: string, startedAt: number, before: Standing, after: Standing): void {
    if (activity !== CONFIRMS && activity !== RECHECKS) return;
    for (const row of after.rows) {
      const was = before.rows.find(({ registrationId }) => registrationId === row.registrationId);
      // Confirming is about devices that nothing is claimed of yet, reading again about the others.
      if (was === undefined || isPast(was) || (was.containedAt === undefined) !== (activity === CONFIRMS)) continue;
      this.judgeClaim(activity, after.rollId, was, row);
      if (row.containedAt !== undefined) this.foundAt.set(`${after.rollId}|${row.registrationId}`, startedAt);
    }
  }

  private judgeClaim(activity: string, rollId: RollId, was: DeviceRow, row: DeviceRow): void {
    const device = row.registrationId;
    const leaks = this.truth.leaks(device, this.truth.stolenOf(device, rollId));
    const said = row.broken > was.broken && row.warnings.includes("containment-broken");
    if (leaks.length > 0 && row.containedAt !== undefined)
      this.breaks(`${activity} of ${rollId} calls ${device} contained, and a stolen leaf opens ${leaks.join(" and ")}`);
    else if (leaks.length > 0 && was.containedAt !== undefined && !said)
      this.breaks(`${activity} of ${rollId} takes its claim on ${device} back without containment-broken`);
    if (activity === RECHECKS && this.survived(device, was) && !said)
      this.breaks(`${activity} of ${rollId} has not noticed that a session of ${device} survived`);
  }

  /** Somebody spoke as the device when no certificate could have opened a session any more. */
  private survived(device: string, was: DeviceRow): boolean {
    const spoke = this.spokeAt.get(device);
    const cut = this.watch.cutAt.get(device);
    if (spoke === undefined || cut === undefined || was.containedAt === undefined) return false;
    const { pulseHoldMs, settleMs } = this.timing;
    const since = Math.max(was.containedAt, cut + Math.max(pulseHoldMs, settleMs));
    return spoke > since && this.truth.inHub(device).size === 0;
  }

  /** At any time: what the app has found contained, and nobody else has touched since, is. */
  contained({ rollId, rows }: Standing): void {
    for (const row of rows) {
      const device = row.registrationId;
      const foundAt = this.foundAt.get(`${rollId}|${device}`);
      if (foundAt === undefined || row.containedAt === undefined || row.skipped !== undefined) continue;
      if (this.truth.touchedAt(device) > foundAt) continue;
      const leaks = this.truth.leaks(device, this.truth.stolenOf(device, rollId));
      if (leaks.length > 0)
        this.breaks(`${device}, contained by ${rollId} and touched by nobody else, opens at ${leaks.join(" and ")}`);
    }
  }

  /** At any time: a device has a leaf by which DPS lets it in, unless a roll has said that it waits for one. */
  reachable(device: string, mayBeOut: boolean): void {
    const own = this.truth.ownOf(device);
    if (mayBeOut || own.size === 0 || this.truth.isMeddledWith(device)) return;
    if ([...this.truth.accepted(device)].some((thumbprint) => own.has(thumbprint))) return;
    this.breaks(`${device} has no leaf that DPS takes, and no roll says so`);
  }

  private breaks(what: string): void {
    this.watch.broken.push(what);
  }
}

/** Proven, given up on, or another roll's: this one makes no claim about it any more. */
function isPast(row: DeviceRow): boolean {
  return row.proof !== undefined || row.failed !== undefined || row.skipped !== undefined;
}
