import { jobConditions } from "../domain/hub/device-query";
import { HubJobId, type DeviceId, type HubHostName, type RollId } from "../domain/ids";
import type { Attempt } from "../domain/roll/device-row";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Hubs } from "../ports/hubs";
import type { QuotaLedger } from "../ports/ledger";
import type { MethodJobStart } from "../ports/method-jobs";
import type { ReplacementSource } from "../ports/replacements";
import type { RollBlobs } from "../ports/stores";
import { acceptedChain, bringsChain } from "./accepted-chain";
import { heedThrottling } from "./pacer";
import { reprovisionOrder, tell, type Addressee, type Told } from "./send-methods";
import { mapSideBySide, orOutage } from "./side-by-side";

export interface SendOrdersDeps {
  readonly blobs: RollBlobs;
  readonly hubs: Hubs;
  readonly ledger: QuotaLedger;
  readonly replacements: Pick<ReplacementSource, "kept">;
}

/** A device whose attempt is on record. */
export interface Noted extends Addressee {
  readonly attempt: Attempt;
}

/** What all devices of one dispatch are told alike. */
export interface Dispatch {
  readonly rollId: RollId;
  readonly batch: number;
  readonly request: RollRequest;
  readonly spreadSeconds: number;
}

type Sent = readonly { readonly device: Noted; readonly told: Told }[];

/** A direct method each, with the device's own chain where it gets one. */
export async function sendEach(deps: SendOrdersDeps, dispatch: Dispatch, noted: readonly Noted[]): Promise<Sent> {
  const { rollId, batch, request, spreadSeconds } = dispatch;
  const targets = await deps.blobs.getTargets(rollId, batch);
  const byId = new Map(targets.map((target) => [target.registrationId, target]));
  return mapSideBySide(noted, async (device) => {
    const chain = await chainFor(deps, rollId, byId.get(device.row.registrationId), request);
    const order = {
      ...reprovisionOrder(rollId, request, device.attempt, spreadSeconds),
      ...(chain === undefined ? {} : { chainPem: chain }),
    };
    const told = await tell(deps.hubs, device, "reprovision", order);
    if (told.outcome === "later") await heedThrottling(deps.ledger, `${device.hub}/methods`, told.throttled);
    return { device, told };
  });
}

/**
 * One job per hub, or a few where the list of devices is too long for one. All devices are in the same attempt. What comes
 * of each is left to its report: a job's own results lag, and leave out devices that its query did not find.
 */
export async function sendByJob(deps: SendOrdersDeps, dispatch: Dispatch, noted: readonly Noted[]): Promise<Sent> {
  const told = new Map<DeviceId, Told>();
  for (const [hub, devices] of byHub(noted)) {
    const [first] = devices;
    if (first === undefined) continue;
    const ids = devices.flatMap(({ row: { deviceId } }) => (deviceId === undefined ? [] : [deviceId]));
    for (const [part, { deviceIds }] of jobConditions(ids).entries()) {
      const { attemptId } = first.attempt;
      const payload = reprovisionOrder(dispatch.rollId, dispatch.request, first.attempt, dispatch.spreadSeconds);
      const jobId = HubJobId.parse(`${dispatch.rollId}-${dispatch.batch}-${attemptId}-${part}`);
      const started = await orOutage(
        deps.hubs.hub(hub).methodJobs.start({
          ...{ jobId, deviceIds, methodName: "reprovision", payload },
          ...{ responseTimeoutSeconds: 30, maxExecutionSeconds: maxSeconds(dispatch.request) },
        }),
      );
      if (started instanceof RollError) await heedThrottling(deps.ledger, `${hub}/jobDevices`, started);
      for (const deviceId of deviceIds) told.set(deviceId, ofJob(started));
    }
  }
  const unknown: Told = { outcome: "unreachable", detail: "its hub device is not known" };
  return noted.map((device) => ({
    device,
    told: (device.row.deviceId === undefined ? undefined : told.get(device.row.deviceId)) ?? unknown,
  }));
}

function ofJob(started: MethodJobStart | RollError): Told {
  if (started instanceof RollError) return { outcome: "unknown", detail: started.code };
  switch (started.outcome) {
    case "started":
    case "exists":
      return { outcome: "unknown", detail: "by job" };
    case "busy":
      return { outcome: "later", retryAfterMs: JOB_PAUSE_MS };
    case "refused":
      return { outcome: "unreachable", detail: started.detail };
    default:
      return started satisfies never;
  }
}

/** Until one of the few jobs that a hub runs at a time may be over. */
const JOB_PAUSE_MS = 30_000;

function maxSeconds({ timing }: RollRequest): number {
  return Math.max(60, Math.ceil(timing.attemptMs / 1_000));
}

async function chainFor(
  { replacements }: SendOrdersDeps,
  rollId: RollId,
  target: RollTarget | undefined,
  { replacement }: RollRequest,
): Promise<string | undefined> {
  if (target === undefined || !bringsChain(target, replacement)) return undefined;
  return acceptedChain(replacements, rollId, target);
}

function byHub(noted: readonly Noted[]): ReadonlyMap<HubHostName, readonly Noted[]> {
  const hubs = new Map<HubHostName, Noted[]>();
  for (const device of noted) hubs.set(device.hub, [...(hubs.get(device.hub) ?? []), device]);
  return hubs;
}
