import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { RegistrationId } from "../../../shared/domain/ids";
import type { IndividualEnrollment } from "../../../shared/ports/enrollments";
import { startScriptedAzure, type ScriptedAzure } from "../../support/scripted-azure";

const id = RegistrationId.parse("dev-001");
const old = selfSignedLeaf({ commonName: "dev-001" });
const info = {
  subjectName: "CN=dev-001",
  sha1Thumbprint: old.sha1Thumbprint,
  sha256Thumbprint: old.sha256Thumbprint,
  issuerName: "CN=dev-001",
  notBeforeUtc: "2026-01-01T00:00:00Z",
  notAfterUtc: "2027-01-01T00:00:00Z",
  serialNumber: "01",
  version: 3,
};
/** As Microsoft's REST reference shows an individual enrollment, every property present. */
const record = {
  registrationId: "Dev-001",
  deviceId: "Dev#1",
  registrationState: { registrationId: "dev-001", status: "assigned" },
  optionalDeviceInformation: { site: "A" },
  attestation: {
    type: "x509",
    x509: {
      clientCertificates: { primary: { certificate: null, info }, secondary: null },
      signingCertificates: null,
      caReferences: null,
    },
  },
  capabilities: { iotEdge: true },
  iotHubHostName: "lab-hub.azure-devices.net",
  initialTwin: {
    tags: { count: null, version: null, metadata: null, line: 4 },
    properties: { desired: { count: null, version: null, metadata: null, version2: null } },
  },
  etag: '"1a055216-0000-0800-0000-60a637160000"',
  provisioningStatus: "enabled",
  reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  createdDateTimeUtc: "2026-11-22T08:00:00.0000000Z",
  lastUpdatedDateTimeUtc: "2026-11-22T08:00:01.1234567Z",
  allocationPolicy: "static",
  iotHubs: ["lab-hub.azure-devices.net"],
  customAllocationDefinition: null,
};
const keep = { kind: "keep" } as const;
const clear = { kind: "clear" } as const;

describe("the DPS adapter on the wire", () => {
  let azure: ScriptedAzure;
  beforeAll(async () => {
    azure = await startScriptedAzure();
  });
  afterAll(() => azure.stop());
  beforeEach(() => void azure.service.seen.splice(0));

  async function readEnrollment(body: object = record): Promise<IndividualEnrollment> {
    azure.service.answer({ status: 200, body });
    const reading = await azure.enrollments.get(id);
    if (reading.outcome === "missing") throw new Error("missing");
    azure.service.seen.splice(0);
    return reading.enrollment;
  }

  it("reads the record as documented", async () => {
    expect(await readEnrollment()).toEqual({
      registrationId: "dev-001",
      deviceId: "Dev#1",
      etag: record.etag,
      provisioningStatus: "enabled",
      attestation: "x509-client",
      primary: {
        sha256Thumbprint: old.sha256Thumbprint,
        notAfter: Date.parse("2027-01-01T00:00:00Z"),
        subjectName: "CN=dev-001",
        issuerName: "CN=dev-001",
      },
      secondary: undefined,
      caReferences: [],
      updateHubAssignment: true,
      lastUpdatedAt: Date.parse("2026-11-22T08:00:01.123Z"),
      record,
    });
  });

  it.each([
    [
      "leaves out what has a default",
      { provisioningStatus: undefined, reprovisionPolicy: null, deviceId: "" },
      { provisioningStatus: "enabled", updateHubAssignment: true, deviceId: undefined },
    ],
    ["leaves the hub alone", { reprovisionPolicy: { updateHubAssignment: false } }, { updateHubAssignment: false }],
    [
      "trusts CAs by reference",
      { attestation: { type: "x509", x509: { clientCertificates: null, caReferences: { primary: "ca" } } } },
      { attestation: "x509-other", primary: undefined },
    ],
    ["holds a symmetric key", { attestation: { type: "symmetricKey", symmetricKey: null } }, { attestation: "other" }],
    ["was never updated", { lastUpdatedDateTimeUtc: "0001-01-01T00:00:00Z" }, { lastUpdatedAt: undefined }],
  ])("reads an enrollment that %s", async (_what, change, expected) => {
    expect(await readEnrollment({ ...record, ...change })).toMatchObject(expected);
  });

  it.each([
    ["no ETag", { etag: undefined }],
    ["a status nobody knows", { provisioningStatus: "paused" }],
    [
      "a slot without thumbprint",
      { attestation: { type: "x509", x509: { clientCertificates: { primary: { info: {} } } } } },
    ],
  ])("refuses to guess at a record with %s", async (_what, change) => {
    await expect(readEnrollment({ ...record, ...change })).rejects.toMatchObject({
      code: "service-answer-unreadable",
      retryable: false,
    });
  });

  it("sends back everything but slots, status and what is read-only", async () => {
    const enrollment = await readEnrollment();
    const { certificatePem } = selfSignedLeaf({ commonName: "dev-001" });
    azure.service.answer({ status: 200, body: { ...record, etag: '"2"' } });
    const change = {
      primary: clear,
      secondary: { kind: "set", certificatePem },
      provisioningStatus: "disabled",
    } as const;
    expect(await azure.enrollments.put(enrollment, change)).toEqual({
      outcome: "written",
      etag: '"2"',
      lastUpdatedAt: Date.parse("2026-11-22T08:00:01.123Z"),
    });
    const { registrationState: _, createdDateTimeUtc: _1, lastUpdatedDateTimeUtc: _2, ...writable } = record;
    expect(azure.service.seen).toMatchObject([{ method: "PUT", path: "/enrollments/Dev-001?api-version=2021-10-01" }]);
    expect(azure.service.seen[0]!.headers["if-match"]).toBe(record.etag);
    expect(azure.service.seen[0]!.body).toEqual({
      ...writable,
      provisioningStatus: "disabled",
      attestation: {
        type: "x509",
        x509: {
          ...record.attestation.x509,
          clientCertificates: { primary: null, secondary: { certificate: certificatePem } },
        },
      },
      initialTwin: { tags: { line: 4 }, properties: { desired: { version2: null } } },
    });
  });

  it("keeps a slot by its info alone", async () => {
    const enrollment = await readEnrollment();
    azure.service.answer({ status: 200, body: record });
    await azure.enrollments.put(enrollment, { primary: keep, secondary: keep, provisioningStatus: "enabled" });
    expect(azure.service.seen[0]!.body).toMatchObject({
      attestation: { x509: { clientCertificates: { primary: { info }, secondary: null } } },
    });
    expect(JSON.stringify(azure.service.seen[0]!.body)).not.toContain('"certificate":null');
  });

  it("disables an entry that refers to CAs, and touches no entry with keys", async () => {
    const attestation = {
      type: "x509",
      x509: { clientCertificates: null, caReferences: { primary: "ca", secondary: null } },
    };
    const byReference = await readEnrollment({ ...record, attestation });
    azure.service.answer({ status: 200, body: { ...record, attestation } });
    const disable = { primary: keep, secondary: keep, provisioningStatus: "disabled" } as const;
    expect(await azure.enrollments.put(byReference, disable)).toMatchObject({ outcome: "written" });
    expect(azure.service.seen[0]!.body).toMatchObject({ attestation, provisioningStatus: "disabled" });
    expect(await azure.enrollments.put(byReference, { ...disable, primary: clear })).toMatchObject({
      outcome: "refused",
    });
    const withKey = await readEnrollment({ ...record, attestation: { type: "symmetricKey", symmetricKey: null } });
    expect(await azure.enrollments.put(withKey, disable)).toMatchObject({ outcome: "refused" });
    expect(azure.service.seen).toHaveLength(0);
  });

  const dpsError = (errorCode: number) => ({ errorCode, trackingId: "t-1", message: "because", timestampUtc: "" });
  it.each([
    [412, dpsError(412201), { outcome: "precondition-failed" }],
    [404, dpsError(404201), { outcome: "missing" }],
    [400, dpsError(400201), { outcome: "refused", detail: "because (tracking id t-1)" }],
    [409, dpsError(409201), { outcome: "refused" }],
  ])("answers a write refused with %i by an outcome", async (status, body, outcome) => {
    const enrollment = await readEnrollment();
    azure.service.answer({ status, body });
    expect(
      await azure.enrollments.put(enrollment, { primary: keep, secondary: keep, provisioningStatus: "enabled" }),
    ).toMatchObject(outcome);
  });

  it.each([
    [
      "429 with a wish",
      { status: 429, body: dpsError(429201), headers: { "retry-after": "12" } },
      { code: "service-throttled", retryable: true, retryAfterMs: 12_000 },
    ],
    ["403", { status: 403, body: dpsError(403201) }, { code: "service-denied-us", retryable: false }],
    [
      "401",
      { status: 401, body: dpsError(401002) },
      { code: "service-denied-us", message: "DPS answered 401 (401002): because (tracking id t-1)" },
    ],
    ["500", { status: 500, body: dpsError(500201) }, { code: "service-unavailable", retryable: true }],
    ["408", { status: 408 }, { code: "service-unavailable", retryable: true }],
    [
      "a gateway's 404",
      { status: 404, text: "<html>not here</html>" },
      { code: "service-answer-unreadable", retryable: false },
    ],
    [
      "a gateway's page",
      { status: 200, text: "<html>later</html>" },
      { code: "service-answer-unreadable", retryable: true },
    ],
    ["an empty answer", { status: 200 }, { code: "service-answer-unreadable" }],
  ])("throws on a read answered with %s", async (_what, script, error) => {
    azure.service.answer(script);
    await expect(azure.enrollments.get(id)).rejects.toMatchObject({ name: "RollError", ...error });
  });

  it("tells a missing registration from a missing answer", async () => {
    azure.service.answer({ status: 404, body: dpsError(404202) }, { status: 404, text: "nothing here" });
    expect(await azure.enrollments.getRegistration(id)).toEqual({ outcome: "missing" });
    await expect(azure.enrollments.getRegistration(id)).rejects.toMatchObject({ code: "service-answer-unreadable" });
  });

  it("reads a registration that has no hub yet", async () => {
    const registration = {
      registrationId: "Dev-001",
      assignedHub: "",
      deviceId: null,
      status: "assigning",
      lastUpdatedDateTimeUtc: "2026-11-22T08:00:00.0000000Z",
    };
    azure.service.answer(
      { status: 200, body: registration },
      { status: 200, body: { ...registration, status: "lost" } },
    );
    expect(await azure.enrollments.getRegistration(id)).toEqual({
      outcome: "found",
      registration: {
        registrationId: "dev-001",
        deviceId: undefined,
        assignedHub: undefined,
        status: "assigning",
        lastUpdatedAt: Date.parse("2026-11-22T08:00:00Z"),
      },
    });
    await expect(azure.enrollments.getRegistration(id)).rejects.toMatchObject({ code: "service-answer-unreadable" });
  });
});
