import { DeviceId, EnrollmentGroupId, HubHostName, ModuleId, RegistrationId } from "../../../shared/domain/ids";
import { addMs, instant, type Instant } from "../../../shared/domain/instant";
import type {
  DeviceRecord,
  EnrollmentRecord,
  GatheredLine,
  IdentityRecord,
} from "../../../shared/domain/inventory/records";
import { thumbprintOf } from "../../support/ca-entries";

export const now: Instant = instant(Date.UTC(2026, 0, 1));
export const days = (count: number): Instant => addMs(now, count * 86_400_000);
export const east = HubHostName.parse("east.azure-devices.net");
export const west = HubHostName.parse("west.azure-devices.net");
export const groupId = (text: string): EnrollmentGroupId => EnrollmentGroupId.parse(text);

export function aSlot(name: string, notAfter: Instant, issuer = name): NonNullable<EnrollmentRecord["primary"]> {
  return { sha256Thumbprint: thumbprintOf(name), subjectName: `CN=${name}`, issuerName: `CN=${issuer}`, notAfter };
}

export function anEnrollment(name: string, changes: Partial<EnrollmentRecord> = {}): EnrollmentRecord {
  return {
    registrationId: RegistrationId.parse(name),
    provisioningStatus: "enabled",
    attestation: "x509-client",
    primary: aSlot(name, days(100)),
    ...changes,
  };
}

export function anIdentity(name: string, changes: Partial<IdentityRecord> = {}): IdentityRecord {
  const thumbprint = thumbprintOf(name.toLowerCase());
  return {
    hub: east,
    deviceId: DeviceId.parse(name),
    status: "enabled",
    authentication: "selfSigned",
    primaryThumbprint: thumbprint,
    secondaryThumbprint: thumbprint,
    ...changes,
  };
}

/** A device with an enrollment of its own, registered at its hub. */
export function aDeviceRecord(name: string, changes: Partial<DeviceRecord> = {}): DeviceRecord {
  const { registrationId, ...enrollment } = anEnrollment(name);
  return {
    key: name,
    registrationId,
    enrollment,
    registration: { status: "assigned", deviceId: DeviceId.parse(name), hub: east, at: now },
    identities: [anIdentity(name)],
    ...changes,
  };
}

/** A device that came through a group. */
export function aGroupDevice(name: string, group: string, changes: Partial<DeviceRecord> = {}): DeviceRecord {
  const { enrollment: _none, ...device } = aDeviceRecord(name);
  return { ...device, groupId: groupId(group), ...changes };
}

export const lines = {
  enrollment: (enrollment: EnrollmentRecord): GatheredLine => ({ kind: "enrollment", enrollment }),
  identity: (identity: IdentityRecord): GatheredLine => ({ kind: "identity", identity }),
  registration: (name: string, group: string, at: Instant, deviceId = name): GatheredLine => ({
    kind: "registration",
    registrationId: RegistrationId.parse(name),
    groupId: groupId(group),
    registration: { status: "assigned", deviceId: DeviceId.parse(deviceId), hub: east, at },
  }),
  module: (deviceId: string, moduleId: string): GatheredLine => ({
    kind: "module",
    module: {
      hub: east,
      deviceId: DeviceId.parse(deviceId),
      moduleId: ModuleId.parse(moduleId),
      authentication: "sas",
    },
  }),
};
