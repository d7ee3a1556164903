import { createHash } from "node:crypto";
import { z } from "zod";
import type { LinkedHub, TwinDocument } from "../linked-hub";
import { certificateInfo, type ReadCertificate } from "./certificate-info";
import type { DpsContext } from "./context";
import { keyOf, type Assignment, type Entry } from "./entries";
import { readTwin } from "./entry-input";
import { entryView } from "./views";

/** Where a device goes, and what a webhook had to say about it. */
export type Allocation =
  | {
      readonly kind: "hub";
      readonly hub: LinkedHub;
      /** From the webhook: takes the place of the entry's initial twin and of an existing twin. */
      readonly twin?: TwinDocument;
      readonly payload?: unknown;
    }
  | { readonly kind: "failed"; readonly errorCode: number; readonly message: string };

/** Who has to be put somewhere. `payload` is the device's own; `previous` where it was assigned last. */
export interface AllocationRequest {
  readonly entry: Entry;
  readonly registrationId: string;
  readonly leaf: ReadCertificate;
  readonly payload: unknown;
  readonly previous: Assignment | undefined;
}

/** Chooses the hub by the entry's policy. Never rejects. */
export async function allocate(request: AllocationRequest, context: DpsContext): Promise<Allocation> {
  const { entry } = request;
  const named = [...(entry.iotHubs ?? []), ...(entry.iotHubHostName === null ? [] : [entry.iotHubHostName])].map(keyOf);
  const candidates = context.hubs.filter(({ hostName }) => named.length === 0 || named.includes(keyOf(hostName)));
  if (entry.allocationPolicy === "custom") return custom(request, candidates, context);
  const hub = entry.allocationPolicy === "hashed" ? hashed(request.registrationId, candidates) : candidates[0];
  return hub ? { kind: "hub", hub } : { kind: "failed", errorCode: 400208, message: "No IoT hub is linked." };
}

/** Rendezvous hashing: evenly spread, and another hub moves only the devices that it gets. */
function hashed(registrationId: string, candidates: readonly LinkedHub[]): LinkedHub | undefined {
  const weight = (hub: LinkedHub) =>
    createHash("sha256")
      .update(`${keyOf(registrationId)}|${keyOf(hub.hostName)}`)
      .digest("hex");
  return candidates
    .map((hub) => ({ hub, weight: weight(hub) }))
    .reduce<{ hub: LinkedHub; weight: string } | undefined>(
      (best, next) => (best && best.weight <= next.weight ? best : next),
      undefined,
    )?.hub;
}

const webhookAnswer = z.object({
  iotHubHostName: z.string(),
  initialTwin: z
    .object({
      tags: z.record(z.string(), z.unknown()).nullish(),
      properties: z.object({ desired: z.record(z.string(), z.unknown()).nullish() }).nullish(),
    })
    .nullish(),
  payload: z.unknown().optional(),
});

/** Asks the entry's webhook (Microsoft docs, concepts-custom-allocation); any answer it cannot use fails with 400207. */
async function custom(
  request: AllocationRequest,
  candidates: readonly LinkedHub[],
  context: DpsContext,
): Promise<Allocation> {
  const failed = (message: string): Allocation => ({ kind: "failed", errorCode: 400207, message });
  const { entry, previous } = request;
  const definition = entry.customAllocationDefinition;
  if (!definition) return failed("Custom allocation is not defined.");
  const body = {
    [entry.kind === "group" ? "enrollmentGroup" : "individualEnrollment"]: entryView(entry),
    deviceRuntimeContext: {
      registrationId: request.registrationId,
      ...(previous ? { currentIotHubHostName: previous.hubHostName, currentDeviceId: previous.deviceId } : {}),
      x509: context.switches.webhookX509 === "info" ? certificateInfo(request.leaf) : {},
      ...(request.payload === undefined ? {} : { payload: request.payload }),
    },
    linkedHubs: candidates.map(({ hostName }) => hostName),
  };
  let answer: unknown;
  try {
    const response = await fetch(definition.webhookUrl, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(context.switches.webhookTimeoutMs),
    });
    if (response.status !== 200) return failed(`Custom allocation answered ${response.status}.`);
    answer = await response.json();
  } catch (error) {
    return failed(`Custom allocation failed: ${error instanceof Error ? error.message : "unknown error"}`);
  }
  const parsed = webhookAnswer.safeParse(answer);
  if (!parsed.success) return failed("Custom allocation answered something else than a hub.");
  const { iotHubHostName, initialTwin, payload } = parsed.data;
  const hub = candidates.find(({ hostName }) => keyOf(hostName) === keyOf(iotHubHostName));
  if (!hub) return failed(`Custom allocation chose '${iotHubHostName}', which is not linked.`);
  return {
    kind: "hub",
    hub,
    ...(initialTwin ? { twin: readTwin(initialTwin) } : {}),
    ...(payload === undefined ? {} : { payload }),
  };
}
