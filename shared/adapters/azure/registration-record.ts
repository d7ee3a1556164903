import { z } from "zod";
import { DeviceId, Etag, HubHostName, RegistrationId } from "../../domain/ids";
import type { Registration } from "../../ports/enrollments";
import { moment, optional, parsed } from "./dps-answers";

/** A registration record (data-plane API 2021-10-01); DPS keeps the last one only, without the certificate used. */
const RegistrationRecord = z.looseObject({
  registrationId: z.string().toLowerCase().pipe(RegistrationId),
  deviceId: optional(DeviceId),
  assignedHub: optional(z.string().toLowerCase().pipe(HubHostName)),
  status: z.enum(["unassigned", "assigning", "assigned", "failed", "disabled"]),
  createdDateTimeUtc: z.string().nullish(),
  lastUpdatedDateTimeUtc: z.string().nullish(),
  etag: optional(Etag),
});

/** The product's view of a record. Throws `service-answer-unreadable`; `what` names the record. */
export function toRegistration(record: unknown, what: string): Registration {
  const read = parsed(RegistrationRecord, record, what);
  return {
    registrationId: read.registrationId,
    deviceId: read.deviceId,
    assignedHub: read.assignedHub,
    status: read.status,
    createdAt: moment(read.createdDateTimeUtc),
    lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc),
    etag: read.etag,
  };
}
