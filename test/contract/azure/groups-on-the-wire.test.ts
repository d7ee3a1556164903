import { AuthorityName, EnrollmentGroupId, RegistrationId } from "../../../shared/domain/ids";
import type { EnrollmentGroup } from "../../../shared/ports/enrollment-groups";
import { startScriptedAzure, type ScriptedAzure } from "../../support/scripted-azure";

const id = EnrollmentGroupId.parse("fleet-eu");
const thumbprint = "AB".repeat(32);
const info = {
  subjectName: "CN=Line",
  sha256Thumbprint: thumbprint.toLowerCase(),
  issuerName: "CN=Root",
  notAfterUtc: "2027-01-01T00:00:00Z",
};
const references = { primary: "root-2024", secondary: "root-2026" };
/** As Microsoft's REST reference shows a group, every property present. */
const record = {
  enrollmentGroupId: "Fleet-EU",
  attestation: {
    type: "x509",
    x509: { clientCertificates: null, signingCertificates: null, caReferences: references },
  },
  capabilities: { iotEdge: true },
  iotHubHostName: null,
  initialTwin: {
    tags: { count: null, version: null, metadata: null, fleet: "eu" },
    properties: { desired: { count: null, version: null, metadata: null } },
  },
  etag: '"1a055216-0000-0800-0000-60a637160000"',
  provisioningStatus: "enabled",
  reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
  createdDateTimeUtc: "2026-11-22T08:00:00.0000000Z",
  lastUpdatedDateTimeUtc: "2026-11-22T08:00:01.1234567Z",
  allocationPolicy: "static",
  iotHubs: ["Lab-Hub.azure-devices.net"],
  customAllocationDefinition: null,
};
const signing = {
  ...record,
  attestation: {
    type: "x509",
    x509: { signingCertificates: { primary: { certificate: null, info }, secondary: null }, caReferences: null },
  },
};
const keep = { kind: "keep" } as const;

describe("the groups adapter on the wire", () => {
  let azure: ScriptedAzure;
  beforeAll(async () => {
    azure = await startScriptedAzure();
  });
  afterAll(() => azure.stop());
  beforeEach(() => void azure.service.seen.splice(0));

  async function read(body: object = record): Promise<EnrollmentGroup> {
    azure.service.answer({ status: 200, body });
    const reading = await azure.groups.get(id);
    if (reading.outcome === "missing") throw new Error("missing");
    azure.service.seen.splice(0);
    return reading.group;
  }
  const written = { status: 200, body: { ...record, etag: '"2"' } };

  it("reads the record as documented", async () => {
    expect(await read()).toEqual({
      groupId: "fleet-eu",
      etag: record.etag,
      provisioningStatus: "enabled",
      attestation: { kind: "caReferences", ...references },
      updateHubAssignment: true,
      migrateDeviceData: false,
      iotHubs: ["lab-hub.azure-devices.net"],
      allocationPolicy: "static",
      credentialPolicyName: undefined,
      lastUpdatedAt: Date.parse("2026-11-22T08:00:01.123Z"),
      record,
    });
    expect((await read(signing)).attestation).toEqual({
      kind: "signingCertificates",
      primary: {
        sha256Thumbprint: thumbprint,
        subjectName: "CN=Line",
        issuerName: "CN=Root",
        notAfter: Date.parse("2027-01-01T00:00:00Z"),
      },
      secondary: undefined,
    });
  });

  it.each([
    [
      "has keys",
      { attestation: { type: "symmetricKey", symmetricKey: null } },
      { attestation: { kind: "other", type: "symmetricKey" } },
    ],
    ["trusts nobody", { attestation: { type: "x509", x509: null } }, { attestation: { kind: "other", type: "x509" } }],
    ["gets leaves from Device Registry", { credentialPolicyName: "p1" }, { credentialPolicyName: "p1" }],
    [
      "leaves out what has a default",
      { provisioningStatus: undefined, reprovisionPolicy: null, allocationPolicy: null, iotHubs: null },
      {
        provisioningStatus: "enabled",
        updateHubAssignment: true,
        migrateDeviceData: true,
        allocationPolicy: "hashed",
        iotHubs: [],
      },
    ],
  ])("reads a group that %s", async (_what, more, expected) => {
    expect(await read({ ...record, ...more })).toMatchObject(expected);
  });

  it("sends back what it read, except what changes and what only the service sets", async () => {
    const group = await read();
    azure.service.answer(written);
    await azure.groups.put(group, { slots: "promote", provisioningStatus: "disabled" });
    const { createdDateTimeUtc: _created, lastUpdatedDateTimeUtc: _updated, ...kept } = record;
    expect(azure.service.seen).toMatchObject([
      {
        method: "PUT",
        path: "/enrollmentGroups/Fleet-EU?api-version=2021-10-01",
        headers: { "if-match": record.etag },
      },
    ]);
    expect(azure.service.seen[0]!.body).toEqual({
      ...kept,
      provisioningStatus: "disabled",
      initialTwin: { tags: { fleet: "eu" }, properties: { desired: {} } },
      attestation: {
        type: "x509",
        x509: { ...record.attestation.x509, caReferences: { primary: "root-2026", secondary: null } },
      },
    });
  });

  it("keeps a signing certificate by its info alone", async () => {
    const group = await read(signing);
    azure.service.answer(written);
    const slots = { primary: keep, secondary: { kind: "set", certificatePem: "PEM" } } as const;
    await azure.groups.put(group, { slots, provisioningStatus: "enabled" });
    expect(azure.service.seen[0]!.body).toMatchObject({
      attestation: {
        x509: {
          signingCertificates: {
            primary: { info: { ...info, sha256Thumbprint: thumbprint } },
            secondary: { certificate: "PEM" },
          },
        },
      },
    });
    expect(JSON.stringify(azure.service.seen[0]!.body)).not.toContain('"certificate":null');
  });

  it.each([
    ["a group with keys", { attestation: { type: "symmetricKey" } }, { primary: keep, secondary: keep }],
    ["another family", {}, { primary: keep, secondary: { kind: "set", certificatePem: "PEM" } as const }],
    ["empty slots", {}, { primary: { kind: "clear" } as const, secondary: { kind: "clear" } as const }],
  ])("asks nobody about %s", async (_what, more, slots) => {
    const group = await read({ ...record, ...more });
    expect(await azure.groups.put(group, { slots, provisioningStatus: "enabled" })).toMatchObject({
      outcome: "refused",
    });
    expect(azure.service.seen).toEqual([]);
  });

  const spec = async () => ({
    groupId: EnrollmentGroupId.parse("fleet-new"),
    like: await read(),
    attestation: { kind: "caReferences", primary: AuthorityName.parse("root-2026"), secondary: undefined } as const,
    provisioningStatus: "enabled" as const,
  });

  it("makes a group like another without If-Match, so that none is overwritten", async () => {
    const wanted = await spec();
    azure.service.answer(written);
    expect(await azure.groups.create(wanted)).toMatchObject({ outcome: "created", etag: '"2"' });
    const [request] = azure.service.seen;
    expect(request!.headers["if-match"]).toBeUndefined();
    expect(request!.body).toEqual({
      enrollmentGroupId: "fleet-new",
      attestation: { type: "x509", x509: { caReferences: { primary: "root-2026", secondary: null } } },
      provisioningStatus: "enabled",
      capabilities: record.capabilities,
      iotHubHostName: null,
      initialTwin: { tags: { fleet: "eu" }, properties: { desired: {} } },
      reprovisionPolicy: record.reprovisionPolicy,
      allocationPolicy: "static",
      iotHubs: record.iotHubs,
      customAllocationDefinition: null,
    });
  });

  it("makes a pin with the group's policies", async () => {
    const like = await read();
    azure.service.answer(written);
    const registrationId = RegistrationId.parse("dev-1");
    const pin = { registrationId, deviceId: undefined, certificatePem: "PEM", provisioningStatus: "disabled" } as const;
    await azure.enrollments.create({ ...pin, like });
    const [request] = azure.service.seen;
    expect(request).toMatchObject({ method: "PUT", path: "/enrollments/dev-1?api-version=2021-10-01" });
    expect(request!.headers["if-match"]).toBeUndefined();
    expect(request!.body).toMatchObject({
      registrationId: "dev-1",
      attestation: { x509: { clientCertificates: { primary: { certificate: "PEM" }, secondary: null } } },
      provisioningStatus: "disabled",
      iotHubs: record.iotHubs,
      reprovisionPolicy: record.reprovisionPolicy,
    });
    expect(request!.body).not.toHaveProperty("enrollmentGroupId");
    expect(request!.body).not.toHaveProperty("etag");
  });

  it("tells a group that is there from a CA that another group has: both are 409", async () => {
    const conflict = { status: 409, body: { errorCode: 409203, message: "in use" } };
    const wanted = await spec();
    azure.service.answer(conflict, { status: 200, body: record });
    expect(await azure.groups.create(wanted)).toMatchObject({ outcome: "exists", group: { groupId: id } });
    azure.service.answer(conflict, { status: 404, body: { errorCode: 404204, message: "Not Found." } });
    expect(await azure.groups.create(wanted)).toMatchObject({ outcome: "refused", detail: "in use" });
  });

  it("tells a full instance from a missing role: both are 403", async () => {
    const wanted = await spec();
    azure.service.answer({ status: 403, body: { errorCode: 403201, message: "The limit of groups is reached." } });
    expect(await azure.groups.create(wanted)).toMatchObject({ outcome: "limit-reached" });
    azure.service.answer({ status: 403, body: { errorCode: 403001, message: "Forbidden" } });
    await expect(azure.groups.create(wanted)).rejects.toMatchObject({ code: "service-denied-us" });
  });

  it("does not take a bare 404 for a missing group or an empty list", async () => {
    const bare = { status: 404, body: {} };
    azure.service.answer(bare, bare, bare);
    await expect(azure.groups.get(id)).rejects.toMatchObject({ code: "service-answer-unreadable" });
    await expect(azure.groups.list(undefined)).rejects.toMatchObject({ code: "service-answer-unreadable" });
    await expect(azure.registrations.listByGroup(id, undefined)).rejects.toMatchObject({
      code: "service-answer-unreadable",
    });
  });

  it("asks for a page by the cursor of the one before, also after an empty page", async () => {
    azure.service.answer(
      { status: 200, body: [], headers: { "x-ms-continuation": "abc=" } },
      { status: 200, body: [record] },
    );
    expect(await azure.groups.list(undefined)).toEqual({ items: [], next: "abc=" });
    expect(await azure.groups.list("abc=")).toMatchObject({ items: [{ groupId: id }], next: undefined });
    const [first, second] = azure.service.seen;
    expect(first!.headers["x-ms-continuation"]).toBeUndefined();
    expect(first).toMatchObject({ method: "POST", headers: { "x-ms-max-item-count": "100" } });
    expect(second!.headers["x-ms-continuation"]).toBe("abc=");
  });

  it("sends a registration's own ETag as it came", async () => {
    const registration = { registrationId: "Dev-1", status: "assigned", etag: "IjEy=" };
    azure.service.answer({ status: 200, body: [registration] }, { status: 204 });
    const { items } = await azure.registrations.listByGroup(id, undefined);
    expect(await azure.registrations.delete(items[0]!)).toEqual({ outcome: "deleted" });
    expect(azure.service.seen).toMatchObject([
      { method: "POST", path: "/registrations/fleet-eu/query?api-version=2021-10-01" },
      { method: "DELETE", path: "/registrations/dev-1?api-version=2021-10-01", headers: { "if-match": "IjEy=" } },
    ]);
  });
});
