import type { Registry } from "azure-iothub/dist/registry";
import type { DeviceId } from "../../domain/ids";
import type {
  Hub,
  HubIdentity,
  IdentityCreation,
  IdentityCreationOutcome,
  IdentityDeletionOutcome,
  IdentityReading,
  IdentityWriteOutcome,
  RegisteredDevice,
  RegisteredReading,
} from "../../ports/hubs";
import {
  bulkOutcomes,
  readHubPage,
  RegistryIdentity,
  saysDeviceMissing,
  TwinIdentity,
  type BulkOutcome,
} from "./hub-answers";
import type { HubContext } from "./hub-connection";
import { callSdk, readBySdk } from "./sdk-call";
import { toRollError, unreadable } from "./sdk-errors";

type Identities = Pick<
  Hub,
  | "readIdentity"
  | "readRegistered"
  | "listRegistered"
  | "writeIdentities"
  | "createIdentities"
  | "deleteIdentities"
  | "queryIdentities"
>;
type Description = Parameters<Registry["updateDevices"]>[0][number];

/** The identity registry of one hub. */
export function hubIdentities({ registry, service, timeoutMs }: HubContext): Identities {
  const bulk = async <Outcome>(
    descriptions: readonly Description[],
    send: (devices: Description[]) => Promise<{ readonly responseBody: unknown }>,
    outcomeOf: (outcome: BulkOutcome) => Outcome,
  ): Promise<ReadonlyMap<DeviceId, Outcome>> => {
    if (descriptions.length === 0) return new Map();
    if (descriptions.length > 100) {
      throw new RangeError(`a bulk call takes at most 100 identities, not ${descriptions.length}`);
    }
    const answer = await callSdk(timeoutMs, () => send([...descriptions]));
    const outcomes = bulkOutcomes(
      service,
      answer,
      descriptions.map(({ deviceId }) => deviceId as DeviceId),
    );
    return new Map([...outcomes].map(([deviceId, outcome]) => [deviceId, outcomeOf(outcome)]));
  };

  return {
    async readIdentity(deviceId): Promise<IdentityReading> {
      const answer = await readBySdk(timeoutMs, () => registry.getTwin(deviceId));
      if (!answer.ok) {
        if (saysDeviceMissing(answer.failure)) return { outcome: "missing" };
        throw toRollError(service, answer.failure);
      }
      const twin: unknown = answer.value.responseBody;
      const read = TwinIdentity.safeParse(twin);
      if (!read.success || read.data.deviceId !== deviceId)
        throw unreadable(service, `twin ${deviceId}: ${read.error?.issues[0]?.path.join(".") ?? "another device's"}`);
      return { outcome: "found", identity: read.data };
    },

    async readRegistered(deviceId): Promise<RegisteredReading> {
      const answer = await readBySdk(timeoutMs, () => registry.get(deviceId));
      if (!answer.ok) {
        if (saysDeviceMissing(answer.failure)) return { outcome: "missing" };
        throw toRollError(service, answer.failure);
      }
      const device = toRegistered(answer.value.responseBody);
      if (device?.deviceId !== deviceId) throw unreadable(service, `device ${deviceId}`);
      return { outcome: "found", device };
    },

    async listRegistered() {
      const answer = await readBySdk(timeoutMs, () => registry.list());
      if (!answer.ok) throw toRollError(service, answer.failure);
      const listed: unknown = answer.value.responseBody;
      if (!Array.isArray(listed)) throw unreadable(service, "list of devices");
      return listed.map((record: unknown) => {
        const device = toRegistered(record);
        if (device === undefined) throw unreadable(service, "a device of a list");
        return device;
      });
    },

    writeIdentities: (writes) =>
      bulk(
        writes.map((write) => ({ ...description(write), etag: write.etag })),
        (devices) => registry.updateDevices(devices, false),
        (outcome): IdentityWriteOutcome => {
          if (outcome.refusal === undefined) return { outcome: "written" };
          return outcome.refusal === "precondition-failed" || outcome.refusal === "missing"
            ? { outcome: outcome.refusal }
            : { outcome: "failed", detail: outcome.detail };
        },
      ),

    createIdentities: (creations) =>
      bulk(
        creations.map(description),
        (devices) => registry.addDevices(devices),
        (outcome): IdentityCreationOutcome => {
          if (outcome.refusal === undefined) return { outcome: "created" };
          return outcome.refusal === "exists" ? { outcome: "exists" } : { outcome: "failed", detail: outcome.detail };
        },
      ),

    deleteIdentities: (deletions) =>
      bulk(
        // The SDK adds an authentication of its own, which a deletion does not look at.
        deletions.map(({ deviceId, etag }) => ({ deviceId, etag })),
        // `Registry.delete` cannot be guarded: it always sends `If-Match: *`.
        (devices) => registry.removeDevices(devices, false),
        (outcome): IdentityDeletionOutcome => {
          if (outcome.refusal === undefined) return { outcome: "deleted" };
          return outcome.refusal === "precondition-failed" || outcome.refusal === "missing"
            ? { outcome: outcome.refusal }
            : { outcome: "failed", detail: outcome.detail };
        },
      ),

    queryIdentities: (cursor) =>
      readHubPage(
        service,
        timeoutMs,
        (pageSize) => registry.createQuery("SELECT * FROM devices", pageSize),
        cursor,
        (row): HubIdentity => {
          const read = TwinIdentity.safeParse(row);
          if (read.success) return read.data;
          throw unreadable(service, `twin of a query: ${read.error.issues[0]?.path.join(".") ?? ""}`);
        },
      ),
  };
}

/** The product's view of the registry's record; undefined for what does not have the documented form. */
function toRegistered(record: unknown): RegisteredDevice | undefined {
  const read = RegistryIdentity.safeParse(record);
  if (!read.success) return undefined;
  const { deviceId, generationId, etag, status, statusReason, authentication, capabilities } = read.data;
  return {
    deviceId,
    generationId,
    etag,
    status,
    statusReason: statusReason ?? undefined,
    authentication: authentication.type,
    primaryThumbprint: authentication.x509Thumbprint?.primaryThumbprint,
    secondaryThumbprint: authentication.x509Thumbprint?.secondaryThumbprint,
    iotEdge: capabilities?.iotEdge ?? false,
  };
}

/**
 * The SDK turns a device without authentication into a shared-key device, so all of it is sent, always.
 * JSON null clears the reason; undefined would leave it out.
 */
function description(identity: IdentityCreation): Description {
  const { primaryThumbprint, secondaryThumbprint } = identity;
  return {
    deviceId: identity.deviceId,
    status: identity.status,
    statusReason: identity.statusReason ?? null,
    authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint, secondaryThumbprint } },
    // A gateway written without it might become a plain device.
    capabilities: { iotEdge: identity.iotEdge },
  };
}
