import { ImportDevices, MAX_REGISTRY_BYTES, type ImportView } from "../../contract/registry-api";
import type { DeviceId } from "../../domain/ids";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import { RollError } from "../../domain/roll-error";
import type { IdentityCreation, IdentityCreationOutcome } from "../../ports/hubs";
import { readJsonBody } from "../json-body";
import { hubOf, toCreation, type RegistryDeps } from "./registry";

/** Identities per call to the hub (Microsoft docs: bulk registry). */
const AT_ONCE = 100;

/**
 * Creates devices from a list. Those that exist are left as they are, so that a list may be sent again; where the hub asks
 * for fewer calls or goes away, the rest is listed as not tried.
 *
 * Problems: `hub-needed`, `unknown-hub`, `payload-too-large`, `malformed-json`, `invalid-import`, `duplicate-device`.
 */
export function createImportDevices(
  deps: RegistryDeps,
): (request: { readonly hub: string | undefined; readonly body: Uint8Array }) => Promise<ImportView | Problem> {
  return async ({ hub: name, body }) => {
    const hub = hubOf(deps.hubs, name);
    if (isProblem(hub)) return hub;
    const read = readJsonBody(body, MAX_REGISTRY_BYTES, ImportDevices, "invalid-import");
    if (isProblem(read)) return read;
    const creations = read.value.devices.map(toCreation);
    if (new Set(creations.map(({ deviceId }) => deviceId)).size < creations.length)
      return problem(400, "duplicate-device", "a device id is listed twice; list each device once");

    const outcomes = new Map<DeviceId, IdentityCreationOutcome>();
    for (let from = 0; from < creations.length; from += AT_ONCE) {
      const made = await tried(() => hub.createIdentities(creations.slice(from, from + AT_ONCE)), from === 0);
      if (made === undefined) break;
      for (const [deviceId, outcome] of made) outcomes.set(deviceId, outcome);
      const at = deps.clock.now();
      const created = [...made].filter(([, { outcome }]) => outcome === "created");
      // The hub does not tell a new device's generation; the first message or read of it will.
      await deps.devices.see(
        created.map(([deviceId]) => ({ deviceId, hub: hub.hostName, generationId: undefined, at })),
      );
    }
    return { hub: hub.hostName, ...sorted(creations, outcomes) };
  };
}

/** Undefined where the hub is away in the middle; at the beginning that is the answer to the whole request. */
async function tried<T>(work: () => Promise<T>, isFirst: boolean): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isFirst || !(error instanceof RollError) || !error.retryable) throw error;
    return undefined;
  }
}

function sorted(
  creations: readonly IdentityCreation[],
  outcomes: ReadonlyMap<DeviceId, IdentityCreationOutcome>,
): Omit<ImportView, "hub"> {
  const view: Omit<ImportView, "hub"> = { created: 0, existing: [], failed: [], notTried: [] };
  for (const { deviceId } of creations) {
    const outcome = outcomes.get(deviceId);
    switch (outcome?.outcome) {
      case "created":
        view.created += 1;
        break;
      case "exists":
        view.existing.push(deviceId);
        break;
      case "failed":
        view.failed.push({ deviceId, detail: outcome.detail });
        break;
      case undefined:
        view.notTried.push(deviceId);
        break;
      default:
        outcome satisfies never;
    }
  }
  return view;
}
