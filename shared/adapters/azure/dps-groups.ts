import type { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import type { EnrollmentGroup, EnrollmentGroups, GroupReading } from "../../ports/enrollment-groups";
import { createOnly, everything, foundOrMissing, guardedDelete, guardedPut, parsed, readPage } from "./dps-answers";
import { changedGroupRecord, GroupRecord, newGroupRecord, toGroup, whyNot } from "./group-record";
import { readBySdk } from "./sdk-call";

/** Enrollment groups of one DPS instance. `timeoutMs` bounds each call. */
export function createGroups(client: ProvisioningServiceClient, timeoutMs: number): EnrollmentGroups {
  const get: EnrollmentGroups["get"] = async (groupId): Promise<GroupReading> => {
    const record = foundOrMissing(await readBySdk(timeoutMs, () => client.getEnrollmentGroup(groupId)));
    if (record === undefined) return { outcome: "missing" };
    return { outcome: "found", group: readGroup(record.body, `group ${groupId}`) };
  };
  type Record = Parameters<ProvisioningServiceClient["createOrUpdateEnrollmentGroup"]>[0];
  // The SDK types every property as required that the service may leave out; without an ETag it sends no If-Match.
  const send = (record: unknown): Promise<{ responseBody: unknown }> =>
    client.createOrUpdateEnrollmentGroup(record as Record);

  return {
    get,

    list: (cursor) =>
      readPage(
        timeoutMs,
        () => client.createEnrollmentGroupQuery(...everything("enrollmentGroups")),
        cursor,
        (record) => readGroup(record, "a group of a list"),
      ),

    async create(spec) {
      const record = newGroupRecord(spec);
      const made = await createOnly(
        timeoutMs,
        `group ${spec.groupId}`,
        () => send(record),
        async () => {
          const reading = await get(spec.groupId);
          return reading.outcome === "found" ? reading.group : undefined;
        },
      );
      return made.outcome === "exists" ? { outcome: "exists", group: made.existing } : made;
    },

    put(group, change) {
      const detail = whyNot(group, change);
      if (detail !== undefined) return Promise.resolve({ outcome: "refused", detail });
      const record = changedGroupRecord(group, change);
      return guardedPut(timeoutMs, `group ${group.groupId}`, () => send(record));
    },

    delete: ({ groupId, etag }) => guardedDelete(timeoutMs, () => client.deleteEnrollmentGroup(groupId, etag)),
  };
}

function readGroup(record: unknown, what: string): EnrollmentGroup {
  return toGroup(parsed(GroupRecord, record, what), record);
}
