import { etagOf, type Authentication, type Identity } from "./identity";
import type { Presence } from "./presence";
import type { HubRecord } from "./store";
import { twinEtag, type Twin, type TwinSection } from "./twin";

const never = "0001-01-01T00:00:00";

/** A device or module as `GET /devices/{id}` shows it. */
export function identityDocument(identity: Identity, presence: Presence): Record<string, unknown> {
  const shared = {
    ...(identity.moduleId === undefined ? {} : { moduleId: identity.moduleId }),
    ...(identity.moduleId === undefined ? {} : { managedBy: identity.managedBy ?? null }),
    deviceId: identity.deviceId,
    generationId: identity.generationId,
    etag: etagOf(identity),
    connectionState: presence.connected ? "Connected" : "Disconnected",
    connectionStateUpdatedTime: time(presence.connectionStateChangedAt),
    lastActivityTime: time(presence.lastActivityAt),
    cloudToDeviceMessageCount: presence.queuedMessages,
    authentication: authenticationDocument(identity.authentication),
  };
  if (identity.moduleId !== undefined) return shared;
  return {
    ...shared,
    status: identity.status,
    statusReason: identity.statusReason,
    statusUpdatedTime: time(identity.statusUpdatedAt),
    capabilities: { iotEdge: identity.iotEdge },
    deviceScope: null,
    parentScopes: [],
  };
}

export function authenticationDocument(authentication: Authentication): Record<string, unknown> {
  return {
    symmetricKey: { primaryKey: authentication.primaryKey, secondaryKey: authentication.secondaryKey },
    x509Thumbprint: {
      primaryThumbprint: authentication.primaryThumbprint,
      secondaryThumbprint: authentication.secondaryThumbprint,
    },
    type: authentication.type,
  };
}

/** A twin as `GET /twins/{id}` shows it to a service; it carries the identity's status and thumbprints. */
export function twinDocument(record: HubRecord, presence: Presence): Record<string, unknown> {
  const { identity, twin } = record;
  return {
    deviceId: identity.deviceId,
    ...(identity.moduleId === undefined ? {} : { moduleId: identity.moduleId }),
    etag: twinEtag(twin),
    deviceEtag: etagOf(identity),
    status: identity.status,
    ...(identity.statusReason === null ? {} : { statusReason: identity.statusReason }),
    statusUpdateTime: `${time(identity.statusUpdatedAt).replace(/Z$/, "")}Z`,
    connectionState: presence.connected ? "Connected" : "Disconnected",
    lastActivityTime: `${time(presence.lastActivityAt).replace(/Z$/, "")}Z`,
    cloudToDeviceMessageCount: presence.queuedMessages,
    authenticationType: identity.authentication.type,
    x509Thumbprint: {
      primaryThumbprint: identity.authentication.primaryThumbprint,
      secondaryThumbprint: identity.authentication.secondaryThumbprint,
    },
    modelId: "",
    version: twin.version,
    tags: twin.tags,
    properties: { desired: sectionDocument(twin.desired), reported: sectionDocument(twin.reported) },
    ...(identity.moduleId === undefined ? { capabilities: { iotEdge: identity.iotEdge } } : {}),
  };
}

/** A twin as a device sees it over MQTT: no tags, no metadata. */
export function deviceTwinDocument(twin: Twin): Record<string, unknown> {
  const plain = (section: TwinSection) => ({ ...section.values, $version: section.version });
  return { desired: plain(twin.desired), reported: plain(twin.reported) };
}

export function sectionDocument(section: TwinSection): Record<string, unknown> {
  return { ...section.values, $metadata: section.metadata, $version: section.version };
}

function time(ms: number): string {
  return ms === 0 ? never : new Date(ms).toISOString();
}
