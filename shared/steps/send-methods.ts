import type { DeviceMethod, DeviceOrder } from "../contract/device-messages";
import type { HubHostName, RollId } from "../domain/ids";
import { addMs, formatInstant } from "../domain/instant";
import type { ResourceName } from "../domain/pacing/quotas";
import type { JournalLine } from "../domain/roll/batch";
import type { Attempt, DeviceRow } from "../domain/roll/device-row";
import { isBreach } from "../domain/roll/playbook";
import type { RollRequest } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs, MethodOutcome } from "../ports/hubs";
import { orOutage } from "./side-by-side";

/** A device and the hub that it is told something through. */
export interface Addressee {
  readonly row: DeviceRow;
  readonly hub: HubHostName;
}

/**
 * The hub where the device is to be found: the one that its registration named last. DPS may have moved it since, so that
 * after an attempt that did not reach it the record is read again. Undefined: the hub is not one of those linked.
 */
export async function addressee(
  { hubs, enrollments }: { readonly hubs: Hubs; readonly enrollments: Enrollments },
  row: DeviceRow,
): Promise<Addressee | undefined> {
  const moved =
    row.unreachable === undefined ? undefined : await orOutage(enrollments.getRegistration(row.registrationId));
  const registered =
    moved === undefined || moved instanceof RollError || moved.outcome === "missing"
      ? undefined
      : moved.registration.assignedHub;
  const wanted = registered ?? row.assignedHub;
  const hub = hubs.hostNames.find((name) => name === wanted) ?? (wanted === undefined ? only(hubs) : undefined);
  return hub === undefined ? undefined : { row: { ...row, assignedHub: hub }, hub };
}

function only({ hostNames }: Hubs): HubHostName | undefined {
  return hostNames.length === 1 ? hostNames[0] : undefined;
}

/** What commands to these devices take of their hubs' quotas. */
export function commandsTo(
  devices: readonly Addressee[],
  resource: "methods" | "jobDevices",
): Map<ResourceName, number> {
  const units = new Map<ResourceName, number>();
  for (const { hub } of devices) units.set(`${hub}/${resource}`, (units.get(`${hub}/${resource}`) ?? 0) + 1);
  return units;
}

/** What came of a direct method, in words that rows and journals keep. */
export type Told =
  | { readonly outcome: "taken"; readonly payload: unknown }
  /** It was reached and says no. */
  | { readonly outcome: "refused"; readonly status: number }
  /** Not connected: it knows nothing of the command. */
  | { readonly outcome: "unreachable"; readonly detail: string }
  /** The hub does not take it now: the device knows nothing of it. `throttled`: because there are too many calls. */
  | { readonly outcome: "later"; readonly retryAfterMs: number; readonly throttled?: RollError }
  /** The command, or its answer, was lost: it may or may not have acted. */
  | { readonly outcome: "unknown"; readonly detail: string };

const THROTTLED_PAUSE_MS = 10_000;

/**
 * What a device is told when it is to register again. In a breach whoever holds the stolen key may read it, so that it
 * says no more than that.
 */
export function reprovisionOrder(
  rollId: RollId,
  { playbook, reason, timing }: Pick<RollRequest, "playbook" | "reason" | "timing">,
  { attemptId, nonce, startedAt }: Attempt,
  spreadSeconds: number,
): DeviceOrder<"reprovision"> {
  return {
    ...{ rollId, attemptId, nonce, spreadSeconds },
    reason: isBreach(playbook) ? "certificate compromised" : `${playbook}: ${reason}`.slice(0, 200),
    deadline: formatInstant(addMs(startedAt, timing.attemptMs)),
  };
}

/** Calls a method once. */
export async function tell<M extends DeviceMethod>(
  hubs: Hubs,
  { row, hub }: Addressee,
  method: M,
  payload: DeviceOrder<M>,
): Promise<Told> {
  if (row.deviceId === undefined) return { outcome: "unreachable", detail: "its hub device is not known" };
  const answer: MethodOutcome | RollError = await orOutage(hubs.hub(hub).invokeMethod(row.deviceId, method, payload));
  if (answer instanceof RollError)
    return answer.code === "service-throttled"
      ? { outcome: "later", retryAfterMs: answer.retryAfterMs ?? THROTTLED_PAUSE_MS, throttled: answer }
      : { outcome: "unknown", detail: answer.code };
  switch (answer.outcome) {
    case "answered":
      return answer.status < 300
        ? { outcome: "taken", payload: answer.payload }
        : { outcome: "refused", status: answer.status };
    case "unreachable":
      return { outcome: "unreachable", detail: answer.detail };
    case "no-answer":
      return { outcome: "unknown", detail: answer.detail };
    default:
      return answer satisfies never;
  }
}

/** The journal's line for it. */
export function toldLine({ row, hub }: Addressee, action: string, subject: string, told: Told): JournalLine {
  const detail = told.outcome === "refused" ? ` ${told.status}` : "";
  return { registrationId: row.registrationId, target: hub, action, result: `${subject} ${told.outcome}${detail}` };
}

export const NOT_LINKED = "its registration names a hub that the settings do not; add the hub there";
