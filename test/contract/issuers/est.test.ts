import { createIntermediate, createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { connectEst, type EstAccess } from "../../../shared/adapters/issuers/est-client";
import { estSigner } from "../../../shared/adapters/issuers/est-signer";
import { systemClock } from "../../../shared/adapters/x509/system-clock";
import type { CertificateIssuer } from "../../../shared/ports/issuers";
import { startEstServer, type EstServer } from "../../support/est-server";
import { serverRoot } from "../../support/lab-dps-pki";
import { aDeviceKey } from "../../support/requests";
import { anIssuerOf, chainOf, orderOf } from "./issuing";

const root = createRoot({ commonName: "EST Root" });
const upper = createIntermediate({ commonName: "EST Upper CA", issuer: root });
const issuing = createIntermediate({ commonName: "EST Issuing CA", issuer: upper });
const clients = createRoot({ commonName: "EST Clients" });
const client = issueLeaf({ commonName: "rollcall", issuer: clients });
const device = aDeviceKey();
const order = orderOf(device.request("pump-1"));
const byPassword: EstAccess["as"] = { kind: "password", user: "rollcall", password: "pass:word" };

describe("leaves from an EST server", () => {
  let server: EstServer;
  beforeEach(async () => {
    const caCertificates = [root.der, issuing.der, upper.der]; // in no order
    server = await startEstServer({
      issuer: issuing,
      caCertificates,
      clients,
      user: "rollcall",
      password: "pass:word",
    });
  });
  afterEach(() => server.stop());

  function connect(changes: { as?: EstAccess["as"]; caPem?: string; timeoutMs?: number } = {}): CertificateIssuer {
    const access = {
      url: "https://lab-dps.azure-devices-provisioning.net/.well-known/est/devices",
      caPem: changes.caPem ?? serverRoot.certificatePem,
      as: changes.as ?? byPassword,
    };
    const signer = estSigner(connectEst(access, changes.timeoutMs ?? 2_000, server.port));
    return anIssuerOf({ signer, now: systemClock.now() }).issuer;
  }

  it.each<[string, EstAccess["as"]]>([
    ["a password", byPassword],
    [
      "a client certificate",
      { kind: "certificate", certificatePem: client.chainPem, privateKeyPem: client.privateKeyPem },
    ],
  ])("are issued to an app known by %s, with the CAs a device presents", async (_how, as) => {
    const issuance = await connect({ as }).issue(order);
    const chain = chainOf(issuance);
    expect(chain.leaf.commonName).toBe("pump-1");
    expect(chain.x509.publicKey.export({ type: "spki", format: "der" })).toEqual(device.spkiDer);
    expect(chain.issuers.map(({ commonName }) => commonName)).toEqual(["EST Issuing CA", "EST Upper CA"]);
    expect(chain.linked).toBe(true);
    expect(chain.anchoredIn([{ name: "root", certificatePem: root.certificatePem }])?.name).toBe("root");
    expect(issuance).toMatchObject({ warnings: [] });
  });

  it("are asked for once, the CAs once per process", async () => {
    const issuer = connect();
    const first = chainOf(await issuer.issue(order));
    expect(chainOf(await issuer.issue(order)).pem).toBe(first.pem);
    await issuer.issue({ ...order, registrationId: orderOf("").registrationId });
    expect(server.seen).toEqual(["GET /.well-known/est/devices/cacerts", "POST /.well-known/est/devices/simpleenroll"]);
  });

  it("may take their time: the caller is told when to ask again, and then gets one", async () => {
    server.next({ status: 202, headers: { "retry-after": "7" } }, { status: 202 });
    const issuer = connect();
    expect(await issuer.issue(order)).toEqual({ outcome: "pending", retryAfterMs: 7_000 });
    expect(await issuer.issue(order)).toEqual({ outcome: "pending", retryAfterMs: 60_000 });
    expect(await issuer.issue(order)).toMatchObject({ outcome: "issued" });
  });

  it("that the server refuses are refused with its words", async () => {
    server.next({ status: 400, body: "no such\nprofile" });
    const answer = await connect().issue(order);
    expect(answer).toMatchObject({ refusal: { code: "issuer-refused" } });
    expect(JSON.stringify(answer)).toContain("400: no such profile");
  });

  it("for another key, another name or with CA rights are not used", async () => {
    const strange = issueLeaf({ commonName: "pump-1", issuer: issuing });
    server.next({ issue: strange });
    expect(await connect().issue(order)).toMatchObject({ refusal: { code: "issuer-refused" } });
    const keyPair = { privateKeyPem: "", spkiDer: device.spkiDer };
    server.next({ issue: issueLeaf({ commonName: "pump-2", issuer: issuing, keyPair }) });
    expect(await connect().issue(order)).toMatchObject({ refusal: { code: "issued-otherwise" } });
    const caKeyPair = { privateKeyPem: device.privateKeyPem, spkiDer: device.spkiDer };
    server.next({ issue: createIntermediate({ commonName: "pump-1", issuer: issuing, keyPair: caKeyPair }) });
    expect(await connect().issue(order)).toMatchObject({ refusal: { code: "issued-otherwise" } });
  });

  it.each<[string, boolean, Parameters<EstServer["next"]>[0]]>([
    ["service-unavailable", true, { status: 503 }],
    ["service-throttled", true, { status: 429, headers: { "retry-after": "3" } }],
    ["service-denied-us", false, { status: 403 }],
    ["service-answer-unreadable", false, { status: 200, body: "<html>" }],
    ["service-answer-unreadable", false, { status: 302 }],
    ["service-unavailable", true, { hang: true }],
  ])("end in %s (retryable: %s) after %j", async (code, retryable, script) => {
    server.next(script);
    const issuer = connect({ timeoutMs: 500 });
    await expect(issuer.issue(order)).rejects.toMatchObject({ code, retryable });
    expect(await issuer.issue(order)).toMatchObject({ outcome: "issued" });
  });

  it("are asked of nobody but the right server, and the password reaches nobody else", async () => {
    await expect(connect({ caPem: root.certificatePem }).issue(order)).rejects.toMatchObject({
      code: "service-unavailable",
    });
    expect(server.seen).toEqual([]);
  });

  it("need the right password, which no error repeats", async () => {
    const wrong = connect({ as: { kind: "password", user: "rollcall", password: "topsecret" } });
    const error = await wrong.issue(order).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "service-denied-us" });
    expect(`${JSON.stringify(error)} ${String(error)}`).not.toMatch(/topsecret|dG9wc2VjcmV0|Basic/);
  });
});
