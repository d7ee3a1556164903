import { connectVaultKey } from "../../../shared/adapters/issuers/key-vault";
import { createTransport, type Transport } from "../../../shared/adapters/azure/transport";
import { serverRoot } from "../../support/lab-dps-pki";
import { startScriptedService, type ScriptedService } from "../../support/scripted-service";

// Key Vault has no emulator: a scripted server under a name of the lab's certificate stands in for its documented wire form.
const host = "lab-dps.azure-devices-provisioning.net";
const version = "0a".repeat(16);
const keyId = `https://${host}/keys/issuing-ca/${version}`;
const digest = Buffer.alloc(32, 7);
const signature = Buffer.alloc(64, 9);
const challenge = {
  status: 401,
  headers: {
    "www-authenticate": `Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://azure-devices-provisioning.net"`,
  },
};
const forbidden = { status: 403, body: { error: { code: "Forbidden", message: "no get permission" } } };
const signed = { status: 200, body: { kid: keyId, value: signature.toString("base64url") } };

describe("a key in Key Vault", () => {
  let vault: ScriptedService;
  let transport: Transport;
  beforeEach(async () => {
    vault = await startScriptedService();
    transport = createTransport({
      timeoutMs: 3_000,
      loopback: { caPem: serverRoot.certificatePem, ports: new Map([[host, vault.port]]), tokens: new Map() },
    });
  });
  afterEach(async () => {
    transport.close();
    await vault.stop();
  });

  it("signs a digest remotely, also where the app may not read the key", async () => {
    vault.answer(challenge, forbidden, signed, signed);
    const key = connectVaultKey(keyId, transport);
    expect(Buffer.from(await key.sign("ES256", digest))).toEqual(signature);
    expect(Buffer.from(await key.sign("ES256", digest))).toEqual(signature);
    const [, , ...calls] = vault.seen;
    expect(calls.map(({ method, path }) => `${method} ${path.split("?")[0] ?? ""}`)).toEqual([
      `POST /keys/issuing-ca/${version}/sign`,
      `POST /keys/issuing-ca/${version}/sign`,
    ]);
    expect(calls[0]?.body).toEqual({ alg: "ES256", value: digest.toString("base64url") });
    expect(calls[0]?.headers.authorization).toMatch(/^Bearer /);
  });

  it("that refuses the app says so", async () => {
    vault.answer(challenge, forbidden, forbidden);
    await expect(connectVaultKey(keyId, transport).sign("ES256", digest)).rejects.toMatchObject({
      code: "service-denied-us",
      retryable: false,
    });
  });

  it("that is busy or silent is an outage", async () => {
    const busy = {
      status: 429,
      body: { error: { code: "Throttled", message: "slow" } },
      headers: { "retry-after": "0" },
    };
    vault.answer(challenge, forbidden, busy, busy);
    const key = connectVaultKey(keyId, transport);
    await expect(key.sign("ES256", digest)).rejects.toMatchObject({ code: "service-throttled", retryable: true });
    vault.answer({ hang: "silent" }, { hang: "silent" });
    const hasty = connectVaultKey(keyId, { ...transport, timeoutMs: 300 });
    await expect(hasty.sign("ES256", digest)).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
  });
});
