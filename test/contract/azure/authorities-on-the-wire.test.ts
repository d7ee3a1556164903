import { createRoot } from "../../../lab/pki/certificates";
import { AuthorityName, Etag } from "../../../shared/domain/ids";
import { startScriptedAzure, type ScriptedAzure } from "../../support/scripted-azure";

const root = createRoot({ commonName: "Fleet Root" });
const certificate = (name: string, content: string, isVerified = true) => ({
  name,
  type: "Microsoft.Devices/ProvisioningServices/Certificates",
  etag: "AAAAAAExpNs=",
  properties: {
    certificate: content,
    isVerified,
    created: "Thu, 12 Oct 2017 19:23:50 GMT",
    expiry: "Sat, 31 Dec 2039 23:59:59 GMT",
  },
});
const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

describe("the authorities adapter on the wire", () => {
  let azure: ScriptedAzure;
  afterEach(() => azure.stop());

  it("lists verified certificates, in whatever form they were uploaded", async () => {
    azure = await startScriptedAzure();
    const der = root.der.toString("base64");
    const value = [
      certificate("as-der", der),
      certificate("as-pem", base64(root.certificatePem)),
      certificate("as-text", base64(der)),
      certificate("unverified", der, false),
      certificate("broken", base64("no certificate")),
    ];
    azure.service.answer({ status: 200, body: { value } });
    const { certificatePem } = root;
    expect(await azure.authorities.listVerified()).toEqual([
      { name: "as-der", certificatePem },
      { name: "as-pem", certificatePem },
      { name: "as-text", certificatePem },
    ]);
    expect(azure.service.seen).toMatchObject([{ method: "GET" }]);
    expect(azure.service.seen[0]!.path).toContain("api-version=2022-02-05");
    expect(azure.service.seen[0]!.headers.authorization).toBe("Bearer loopback");
  });

  const base = `/subscriptions/sub/resourceGroups/fleet/providers/Microsoft.Devices/provisioningServices/lab-dps/certificates`;
  const called = AuthorityName.parse("Root.2026");
  const etag = Etag.parse("AAAAAAExpNs=");

  it("sends each argument to its place: the library has another order in each call", async () => {
    azure = await startScriptedAzure();
    const one = certificate("Root.2026", root.der.toString("base64"));
    const code = { ...one, properties: { ...one.properties, verificationCode: "C0DE" } };
    azure.service.answer(
      { status: 200, body: { value: [] } },
      { status: 200, body: one },
      { status: 200, body: code },
      { status: 200, body: one },
      { status: 200 },
    );
    await azure.authorities.create(called, root.certificatePem);
    expect(await azure.authorities.verificationCode(called, etag)).toEqual({ outcome: "issued", code: "C0DE", etag });
    await azure.authorities.verify(called, etag, "PROOF");
    await azure.authorities.delete(called, etag);
    const [, created, ...guarded] = azure.service.seen;
    expect(created).toMatchObject({
      method: "PUT",
      path: `${base}/Root.2026?api-version=2022-02-05`,
      body: { properties: { certificate: root.der.toString("base64") } },
    });
    expect(created!.headers["if-match"]).toBeUndefined();
    const headers = { "if-match": "AAAAAAExpNs=" };
    expect(guarded).toMatchObject([
      { method: "POST", path: `${base}/Root.2026/generateVerificationCode?api-version=2022-02-05`, headers },
      {
        method: "POST",
        path: `${base}/Root.2026/verify?api-version=2022-02-05`,
        headers,
        body: { certificate: "PROOF" },
      },
      { method: "DELETE", path: `${base}/Root.2026?api-version=2022-02-05`, headers },
    ]);
  });

  it("sends no PUT for a name that is taken", async () => {
    azure = await startScriptedAzure();
    azure.service.answer({ status: 200, body: { value: [certificate("ROOT.2026", root.der.toString("base64"))] } });
    expect(await azure.authorities.create(called, root.certificatePem)).toMatchObject({
      outcome: "exists",
      authority: { name: "ROOT.2026" },
    });
    expect(azure.service.seen).toHaveLength(1);
  });

  it("does not take an instance that is gone for a certificate that is", async () => {
    azure = await startScriptedAzure();
    const gone = { status: 404, body: { error: { code: "ResourceNotFound", message: "no such service" } } };
    azure.service.answer(gone, gone);
    await expect(azure.authorities.delete(called, etag)).rejects.toMatchObject({ code: "service-answer-unreadable" });
  });

  it("reads a certificate as it is, and leaves out what cannot be read", async () => {
    azure = await startScriptedAzure();
    const value = [certificate("a", root.der.toString("base64")), certificate("b", base64("no certificate"), false)];
    azure.service.answer({ status: 200, body: { value } });
    expect(await azure.authorities.list()).toMatchObject([
      {
        name: "a",
        isVerified: true,
        certificate: { sha256Thumbprint: root.sha256Thumbprint, subject: "CN=Fleet Root" },
      },
      { name: "b", isVerified: false, certificate: undefined },
    ]);
  });

  it("has none where none were uploaded", async () => {
    azure = await startScriptedAzure();
    azure.service.answer({ status: 200, body: { value: [] } });
    expect(await azure.authorities.listVerified()).toEqual([]);
  });

  it("tries once more and then says that it is throttled", async () => {
    azure = await startScriptedAzure();
    const busy = {
      status: 429,
      body: { error: { code: "TooManyRequests", message: "slow down" } },
      headers: { "retry-after": "0" },
    };
    azure.service.answer(busy, busy, busy);
    await expect(azure.authorities.listVerified()).rejects.toMatchObject({
      code: "service-throttled",
      retryable: true,
    });
    expect(azure.service.seen).toHaveLength(2);
  });

  it("names the missing role's code, and asks no Entra tenant about this machine", async () => {
    azure = await startScriptedAzure();
    azure.service.answer({ status: 403, body: { error: { code: "AuthorizationFailed", message: "no access" } } });
    await expect(azure.authorities.listVerified()).rejects.toMatchObject({
      code: "service-denied-us",
      message: "Azure Resource Manager answered 403 (AuthorizationFailed): no access",
    });
  });

  it("gives up on a silent service", async () => {
    azure = await startScriptedAzure({ timeoutMs: 300 });
    azure.service.answer({ hang: "silent" }, { hang: "silent" });
    await expect(azure.authorities.listVerified()).rejects.toMatchObject({
      code: "service-unavailable",
      retryable: true,
    });
  });

  it("does not wait out a long Retry-After", async () => {
    azure = await startScriptedAzure({ timeoutMs: 300 });
    azure.service.answer({ status: 503, headers: { "retry-after": "600" } });
    await expect(azure.authorities.listVerified()).rejects.toMatchObject({ code: "service-unavailable" });
  });
});
