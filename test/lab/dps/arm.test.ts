import { labToken } from "../../../lab/dps/authorization";
import { issueLeaf } from "../../../lab/pki/certificates";
import { at, referringGroup, rejection, startTestDps, type TestDps } from "../../support/lab-dps";
import { deviceAuthorities } from "../../support/lab-dps-pki";

let lab: TestDps;
beforeEach(async () => {
  lab = await startTestDps();
});
afterEach(() => lab.stop());

const base = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/lab-dps";
const call = (method: string, path: string, body?: unknown, ifMatch?: string, token = armToken()) =>
  lab.raw({
    method,
    path: `${base}${path}?api-version=2022-02-05`,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const armToken = () => labToken({ audience: "https://management.azure.com" });
const { root } = deviceAuthorities("Arm");
const other = deviceAuthorities("Other").root;
const certificate = (der: Buffer, more: object = {}) => ({
  properties: { certificate: der.toString("base64"), ...more },
});
const put = (name: string, der = root.der, more: object = {}, ifMatch?: string) =>
  call("PUT", `/certificates/${name}`, certificate(der, more), ifMatch);

describe("the control plane", () => {
  test("wants a token for Azure Resource Manager and an api-version", async () => {
    expect(await call("GET", "", undefined, undefined, labToken())).toMatchObject({
      status: 401,
      json: { error: { code: "AuthenticationFailed" } },
    });
    const headers = { authorization: `Bearer ${armToken()}` };
    expect((await lab.raw({ method: "GET", path: base, headers })).status).toBe(400);
    expect((await call("GET", "")).status).toBe(200);
    expect((await call("GET", "/certificates/none")).status).toBe(404);
    expect((await call("PATCH", "")).status).toBe(405);
    expect((await call("GET", "/keys")).status).toBe(404);
  });

  test("gives the certificate back, with dates as RFC 1123 and a SHA-1 thumbprint", async () => {
    const { json } = await put("root");
    expect(json).toMatchObject({
      name: "root",
      type: "Microsoft.Devices/ProvisioningServices/Certificates",
      id: `${base}/certificates/root`,
      properties: {
        certificate: root.der.toString("base64"),
        isVerified: false,
        subject: "CN=Arm Root",
        thumbprint: root.sha1Thumbprint,
        expiry: root.notAfter.toUTCString(),
      },
    });
    expect(at(json, "etag")).not.toContain('"');
    expect((await put("pem", Buffer.from(root.certificatePem))).status).toBe(200);
  });

  test("wants If-Match for what exists: 412 without, with another, fine with the right one", async () => {
    const etag = String(at((await put("root")).json, "etag"));
    for (const ifMatch of [undefined, "AAAA"]) {
      expect((await put("root", other.der, {}, ifMatch)).status).toBe(412);
      expect((await call("DELETE", "/certificates/root", undefined, ifMatch)).status).toBe(412);
      expect((await call("POST", "/certificates/root/generateVerificationCode", undefined, ifMatch)).status).toBe(412);
    }
    expect((await put("new", other.der, {}, "ignored on create")).status).toBe(200);
    expect((await call("DELETE", "/certificates/root", undefined, etag)).status).toBe(200);
    expect((await call("DELETE", "/certificates/root", undefined, etag)).status).toBe(204);
    const error = await rejection(lab.arm.dpsCertificate.delete("rg", "AAAA", "lab-dps", "new"));
    expect(error).toMatchObject({ statusCode: 412, details: { httpStatusCode: "PreconditionFailed" } });
  });

  test("a certificate replaced in place loses its verification, unless switched or said", async () => {
    const isVerified = async (der: Buffer, more: object = {}) =>
      at((await put("root", der, more, "*")).json, "properties", "isVerified");
    expect(await isVerified(root.der, { isVerified: true })).toBe(true);
    expect(await isVerified(root.der)).toBe(true);
    expect(await isVerified(other.der)).toBe(false);
    expect(await isVerified(root.der, { isVerified: true })).toBe(true);
    lab.dps.switches.caReplacedLosesVerification = false;
    expect(await isVerified(other.der)).toBe(true);
  });

  test("proof of possession needs a code that was asked for, under that name, signed by that key", async () => {
    const { json } = await put("root");
    const verify = (proof: string, etag: unknown) =>
      call("POST", "/certificates/root/verify", { certificate: proof }, String(etag));
    const early = issueLeaf({ commonName: "code", issuer: root }).certificatePem;
    expect((await verify(early, at(json, "etag"))).status).toBe(400);
    const generated = await call(
      "POST",
      "/certificates/root/generateVerificationCode",
      undefined,
      String(at(json, "etag")),
    );
    const [etag, code] = [at(generated.json, "etag"), String(at(generated.json, "properties", "verificationCode"))];
    expect(at(generated.json, "properties", "created")).toMatch(/GMT$/);
    expect((await verify("nonsense", etag)).status).toBe(400);
    expect((await verify(issueLeaf({ commonName: "other", issuer: root }).certificatePem, etag)).status).toBe(400);
    expect((await verify(issueLeaf({ commonName: code, issuer: other }).certificatePem, etag)).status).toBe(400);
    const proof = issueLeaf({ commonName: code, issuer: root }).der.toString("base64");
    expect(at((await verify(proof, etag)).json, "properties", "isVerified")).toBe(true);
  });

  test("holds at most 25 certificates, under names of letters, digits, dot, dash and underscore", async () => {
    for (let n = 0; n < 25; n += 1) lab.dps.store.addVerifiedCa(root.certificatePem, `root-${n}`);
    expect((await put("one-more")).status).toBe(400);
    expect((await put("root-1", other.der, {}, "*")).status).toBe(200);
    expect((await put("no%20name")).status).toBe(400);
    expect((await call("PUT", "/certificates/root-1", { properties: {} }, "*")).status).toBe(400);
    expect((await call("PUT", "/certificates/root-1", certificate(Buffer.from("x")), "*")).status).toBe(400);
  });

  test("deletes a certificate that a group refers to, unless switched", async () => {
    lab.dps.store.addVerifiedCa(root.certificatePem, "root");
    lab.dps.store.seedGroup(referringGroup("group", "ROOT"));
    lab.dps.switches.deleteReferencedCa = "refused";
    expect((await call("DELETE", "/certificates/root", undefined, "*")).status).toBe(409);
    lab.dps.switches.deleteReferencedCa = "allowed";
    expect((await call("DELETE", "/certificates/root", undefined, "*")).status).toBe(200);
    expect(lab.dps.store.groups.get("group")).toBeDefined();
  });

  test("is ahead of the data plane by the propagation delay", async () => {
    lab.dps.switches.caPropagationMs = 60_000;
    await put("root", root.der, { isVerified: true });
    expect((await call("GET", "/certificates/root")).status).toBe(200);
    expect((await lab.call("PUT", "/enrollmentGroups/group", referringGroup("group", "root"))).status).toBe(400);
  });

  test("a client with retries of its own gets through two 429", async () => {
    lab.dps.faults.add({
      operation: "dps.ca.list",
      effect: { kind: "status", status: 429, retryAfterSeconds: 0 },
      times: 2,
    });
    await expect(lab.arm.dpsCertificate.list("rg", "lab-dps")).resolves.toMatchObject({ value: [] });
    expect(lab.dps.faults.calls.get("dps.ca.list")).toBe(3);
  });
});
