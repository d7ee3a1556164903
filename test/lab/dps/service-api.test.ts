import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, groupOf, startTestDps, type TestDps } from "../../support/lab-dps";
import { sasFor } from "../../support/lab-dps-clients";
import { deviceAuthorities } from "../../support/lab-dps-pki";

let lab: TestDps;
beforeAll(async () => {
  lab = await startTestDps();
});
afterAll(() => lab.stop());
afterEach(() => {
  Object.assign(lab.dps.switches, {
    ifMatchOnMissing: "404",
    infoMayMoveSlots: false,
    attestationTypeChange: "refused",
    groupWithUsedCa: "conflict",
    deleteIndividualRemovesRegistration: true,
  });
});

const leaf = selfSignedLeaf({ commonName: "dev" });
const other = selfSignedLeaf({ commonName: "dev" });
let count = 0;
const fresh = () => `id-${(count += 1)}`;

describe("an error of the service API", () => {
  test("has a code, a tracking id and a time in its body, and the code in a header", async () => {
    const answer = await lab.call("GET", "/enrollments/nobody");
    expect(answer.status).toBe(404);
    expect(answer.headers["x-ms-error-code"]).toBe("404201");
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(Object.keys({ ...(answer.json as object) })).toEqual([
      "errorCode",
      "trackingId",
      "message",
      "info",
      "timestampUtc",
    ]);
    expect(at(answer.json, "timestampUtc")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  });

  test.each([
    ["an unknown collection", "GET", "/devices/x", 404, 404200],
    ["an unknown resource below an enrollment", "GET", "/enrollments/x/y", 404, 404200],
    ["a method that an enrollment has not", "PATCH", "/enrollments/x", 405, 405200],
    ["a registration that is not there", "GET", "/registrations/nobody", 404, 404202],
    ["a group that is not there", "DELETE", "/enrollmentGroups/nobody", 404, 404204],
    ["an enrollment to delete that is not there", "DELETE", "/enrollments/nobody", 404, 404201],
    ["a path that cannot be decoded", "GET", "/enrollments/%ZZ", 400, 400201],
  ])("for %s", async (_what, method, path, status, errorCode) => {
    const answer = await lab.call(method, path);
    expect([answer.status, at(answer.json, "errorCode")]).toEqual([status, errorCode]);
  });

  test.each([
    ["no object", []],
    ["no attestation", { registrationId: "x" }],
    ["an id with a character that ids have not", enrollmentOf("a b", leaf.certificatePem)],
    ["another id than the path", enrollmentOf("y", leaf.certificatePem)],
    ["an unknown attestation type", { registrationId: "x", attestation: { type: "password" } }],
    ["a status that is none", enrollmentOf("x", leaf.certificatePem, null, { provisioningStatus: "paused" })],
    [
      "signing certificates for an individual",
      { registrationId: "x", attestation: groupOf("x", leaf.certificatePem).attestation },
    ],
    [
      "an empty slot",
      { ...enrollmentOf("x", null), attestation: { type: "x509", x509: { clientCertificates: { primary: {} } } } },
    ],
    [
      "info of a certificate that was never given",
      {
        registrationId: "x",
        attestation: { type: "x509", x509: { clientCertificates: { primary: { info: { sha256Thumbprint: "00" } } } } },
      },
    ],
    [
      "custom allocation without a webhook",
      enrollmentOf("x", leaf.certificatePem, null, { allocationPolicy: "custom" }),
    ],
    ["a TPM without a key", { registrationId: "x", attestation: { type: "tpm", tpm: {} } }],
  ])("for a body with %s", async (_what, body) => {
    expect((await lab.call("PUT", "/enrollments/x", body)).status).toBe(400);
    expect(lab.dps.store.enrollments.get("x")).toBeUndefined();
  });

  test("for a body that is not JSON, or not said to be", async () => {
    const headers = { authorization: sasFor(lab.dps.connectionString), "content-type": "application/json" };
    const path = "/enrollments/x?api-version=2021-10-01";
    expect((await lab.raw({ method: "PUT", path, headers, body: "{" })).status).toBe(400);
    const plain = { ...headers, "content-type": "text/plain" };
    expect((await lab.raw({ method: "PUT", path, headers: plain, body: "{}" })).status).toBe(415);
  });

  test("for a missing api-version", async () => {
    const headers = { authorization: sasFor(lab.dps.connectionString) };
    expect((await lab.raw({ method: "GET", path: "/enrollments/x", headers })).status).toBe(400);
  });
});

describe("an enrollment", () => {
  test("takes a certificate as base64 of DER as well as PEM, and `*` as etag", async () => {
    const id = fresh();
    const put = (certificate: string) =>
      lab.call("PUT", `/enrollments/${id}`, enrollmentOf(id, certificate), { "if-match": "*" });
    lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
    for (const text of [other.der.toString("base64"), Buffer.from(other.certificatePem).toString("base64")]) {
      const answer = await put(text);
      const info = at(answer.json, "attestation", "x509", "clientCertificates", "primary", "info");
      expect(info).toMatchObject({
        sha256Thumbprint: other.sha256Thumbprint,
        serialNumber: expect.stringMatching(/^[0-9A-F]{32}$/) as unknown,
      });
      expect(at(info, "notAfterUtc")).toBe(other.notAfter.toISOString().replace(".000Z", "Z"));
    }
  });

  test.each([
    ["404", 404],
    ["412", 412],
    ["creates", 200],
  ] as const)("that is missing, written with If-Match: by switch %s", async (ifMatchOnMissing, status) => {
    lab.dps.switches.ifMatchOnMissing = ifMatchOnMissing;
    const id = fresh();
    const answer = await lab.call("PUT", `/enrollments/${id}`, enrollmentOf(id, leaf.certificatePem), {
      "if-match": "*",
    });
    expect(answer.status).toBe(status);
  });

  test("does not take info in the other slot, unless switched", async () => {
    const id = fresh();
    lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem, other.certificatePem));
    const info = { info: { sha256Thumbprint: other.sha256Thumbprint } };
    const body = { registrationId: id, attestation: { type: "x509", x509: { clientCertificates: { primary: info } } } };
    const put = () => lab.call("PUT", `/enrollments/${id}`, body, { "if-match": "*" });
    expect((await put()).status).toBe(400);
    lab.dps.switches.infoMayMoveSlots = true;
    const moved = await put();
    expect(at(moved.json, "attestation", "x509", "clientCertificates")).toMatchObject({
      primary: { info: { sha256Thumbprint: other.sha256Thumbprint } },
      secondary: null,
    });
  });

  test("a slot with both takes the certificate", async () => {
    const id = fresh();
    lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
    const primary = { certificate: other.certificatePem, info: { sha256Thumbprint: leaf.sha256Thumbprint } };
    const body = { registrationId: id, attestation: { type: "x509", x509: { clientCertificates: { primary } } } };
    const answer = await lab.call("PUT", `/enrollments/${id}`, body, { "if-match": "*" });
    expect(at(answer.json, "attestation", "x509", "clientCertificates", "primary", "info", "sha256Thumbprint")).toBe(
      other.sha256Thumbprint,
    );
  });

  test("keeps its kind of attestation, unless switched", async () => {
    const id = fresh();
    lab.dps.store.seedEnrollment({ registrationId: id, attestation: { type: "symmetricKey" } });
    const put = () => lab.call("PUT", `/enrollments/${id}`, enrollmentOf(id, leaf.certificatePem), { "if-match": "*" });
    expect((await put()).status).toBe(400);
    lab.dps.switches.attestationTypeChange = "accepted";
    expect((await put()).status).toBe(200);
  });

  test("deleted takes its registration record along, unless switched; the hub's identity stays", async () => {
    for (const takes of [true, false]) {
      lab.dps.switches.deleteIndividualRemovesRegistration = takes;
      const id = fresh();
      const device = selfSignedLeaf({ commonName: id });
      lab.dps.store.seedEnrollment(enrollmentOf(id, device.certificatePem));
      await lab.mqtt(id, device);
      expect((await lab.call("DELETE", `/enrollments/${id}`)).status).toBe(204);
      expect((await lab.call("GET", `/registrations/${id}`)).status).toBe(takes ? 404 : 200);
      expect(lab.hub.has(id)).toBe(true);
    }
  });

  test("shows the state of its last registration", async () => {
    const id = fresh();
    const device = selfSignedLeaf({ commonName: id });
    lab.dps.store.seedEnrollment(enrollmentOf(id, device.certificatePem));
    expect(at((await lab.call("GET", `/enrollments/${id}`)).json, "registrationState")).toBeNull();
    await lab.mqtt(id, device);
    expect((await lab.call("GET", `/enrollments/${id}`)).json).toMatchObject({
      registrationState: { status: "assigned", assignedHub: lab.hub.hostName, deviceId: id },
    });
  });
});

describe("a group", () => {
  test("with a CA that a group already has is refused, unless switched", async () => {
    const { root } = deviceAuthorities("Used");
    const [first, second] = [fresh(), fresh()];
    const put = (id: string) => lab.call("PUT", `/enrollmentGroups/${id}`, groupOf(id, null, root.certificatePem));
    expect((await put(first)).status).toBe(200);
    expect((await put(second)).status).toBe(409);
    lab.dps.switches.groupWithUsedCa = "accepted";
    expect((await put(second)).status).toBe(200);
  });

  test("never holds both signing certificates and CA references", async () => {
    const { root } = deviceAuthorities("Both");
    const id = fresh();
    lab.dps.store.addVerifiedCa(root.certificatePem, "both");
    const { attestation } = groupOf(id, root.certificatePem);
    const x509 = { ...attestation.x509, caReferences: { primary: "both" } };
    const body = { enrollmentGroupId: id, attestation: { type: "x509", x509 } };
    expect((await lab.call("PUT", `/enrollmentGroups/${id}`, body)).status).toBe(400);
  });

  test("groups come by bulk as well, and errors name them", async () => {
    const { root } = deviceAuthorities("Bulk");
    const id = fresh();
    const body = { mode: "create", enrollmentGroups: [groupOf(id, root.certificatePem), { enrollmentGroupId: "x" }] };
    const answer = await lab.call("POST", "/enrollmentGroups", body);
    expect(answer).toMatchObject({ status: 200, json: { isSuccessful: false, errors: [{ enrollmentGroupId: "x" }] } });
    expect((await lab.call("GET", `/enrollmentgroups/${id}`)).status).toBe(200);
  });

  test("number at most a hundred", async () => {
    const full = await startTestDps({ switches: { groupWithUsedCa: "accepted" } });
    const { root } = deviceAuthorities("Hundred");
    for (let n = 0; n < 100; n += 1) full.dps.store.seedGroup(groupOf(`g${n}`, root.certificatePem));
    const answer = await full.call("PUT", "/enrollmentGroups/one-more", groupOf("one-more", root.certificatePem));
    expect([answer.status, at(answer.json, "errorCode")]).toEqual([403, 403201]);
    await full.stop();
  });
});

describe("a bulk operation", () => {
  test.each(["/enrollments", "/enrollments/"])("is taken at %s", async (path) => {
    const id = fresh();
    const body = { mode: "create", enrollments: [enrollmentOf(id, leaf.certificatePem)] };
    expect((await lab.call("POST", path, body)).json).toEqual({ isSuccessful: true, errors: [] });
    expect(lab.dps.store.enrollments.get(id)).toBeDefined();
  });

  test("updates without looking at etags and does not create", async () => {
    const id = fresh();
    const made = lab.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
    const item = { ...enrollmentOf(id, other.certificatePem), etag: '"old"' };
    const missing = { ...enrollmentOf("missing", other.certificatePem), etag: made.etag };
    const answer = await lab.call("POST", "/enrollments", { mode: "update", enrollments: [item, missing] });
    expect(answer.json).toMatchObject({ errors: [{ registrationId: "missing", errorCode: 404201 }] });
    expect(lab.dps.store.enrollments.get(id)?.etag).not.toBe(made.etag);
  });

  test("is refused as a whole with an unknown mode, no items or more than ten", async () => {
    const items = Array.from({ length: 11 }, (_, n) => enrollmentOf(`many-${n}`, leaf.certificatePem));
    for (const body of [
      { mode: "replace", enrollments: items.slice(1) },
      { mode: "create", enrollments: [] },
      { mode: "create", enrollments: items },
    ]) {
      expect((await lab.call("POST", "/enrollments", body)).status).toBe(400);
    }
    expect(lab.dps.store.enrollments.get("many-1")).toBeUndefined();
  });
});

describe("a query", () => {
  test("knows no conditions, no page size of zero and no token of another making", async () => {
    const query = (text: unknown, headers = {}) => lab.call("POST", "/enrollments/query", { query: text }, headers);
    expect((await query("select * from enrollments")).status).toBe(200);
    expect((await query("SELECT * FROM enrollments WHERE registrationId = 'x'")).status).toBe(400);
    expect((await query("SELECT registrationId FROM enrollments")).status).toBe(400);
    expect((await query(1)).status).toBe(400);
    expect((await query("SELECT *", { "x-ms-max-item-count": "0" })).status).toBe(400);
    expect((await query("SELECT *", { "x-ms-continuation": "AAAA" })).status).toBe(400);
  });

  test("has a continuation only when more exists, also when the last page is full", async () => {
    const small = await startTestDps();
    for (const id of ["a", "b"]) small.dps.store.seedEnrollment(enrollmentOf(id, leaf.certificatePem));
    const query = (headers: Record<string, string>) =>
      small.call("POST", "/enrollments/query", { query: "SELECT *" }, headers);
    const full = await query({ "x-ms-max-item-count": "2" });
    expect(full.headers["x-ms-continuation"]).toBeUndefined();
    expect(full.headers["x-ms-item-type"]).toBe("enrollment");
    const first = await query({ "x-ms-max-item-count": "1" });
    const next = await query({ "x-ms-continuation": String(first.headers["x-ms-continuation"]) });
    expect([at(first.json, 0, "registrationId"), at(next.json, 0, "registrationId")]).toEqual(["a", "b"]);
    await small.stop();
  });
});
