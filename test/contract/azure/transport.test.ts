import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { createRoot } from "../../../lab/pki/certificates";
import { createTransport } from "../../../shared/adapters/azure/transport";
import { createEnrollments } from "../../../shared/adapters/azure/dps-enrollments";
import { DeviceId, Etag, RegistrationId } from "../../../shared/domain/ids";
import {
  dpsHost,
  hubHost,
  rejectionOf,
  secretKey,
  startScriptedAzure,
  type ScriptedAzure,
} from "../../support/scripted-azure";

const registrationId = RegistrationId.parse("dev-1");
const deviceId = DeviceId.parse("dev-1");
const twin = {
  deviceId: "dev-1",
  etag: "AAAAAAAAAAE=",
  deviceEtag: "MQ==",
  status: "enabled",
  authenticationType: "selfSigned",
  x509Thumbprint: { primaryThumbprint: "A".repeat(64), secondaryThumbprint: null },
};

describe("transport", () => {
  let azure: ScriptedAzure;
  const start = async (o?: Parameters<typeof startScriptedAzure>[0]): Promise<ScriptedAzure> =>
    (azure = await startScriptedAzure(o));
  afterEach(() => azure.stop());

  it("keeps the real names although the sockets lead to this machine", async () => {
    const { service, hub, enrollments, authorities } = await start();
    service.answer(
      { status: 200, body: twin },
      { status: 404, body: { errorCode: 404201 } },
      { status: 200, body: { value: [] } },
    );
    await hub.readIdentity(deviceId);
    await enrollments.get(registrationId);
    await authorities.listVerified();
    expect(service.seen.map(({ serverName }) => serverName)).toEqual([hubHost, dpsHost, "management.azure.com"]);
    expect(service.seen.map(({ headers }) => headers.host)).toEqual([hubHost, dpsHost, "management.azure.com"]);
    expect(service.seen.map(({ path }) => path.slice(0, path.indexOf("?")))).toEqual([
      "/twins/dev-1",
      "/enrollments/dev-1",
      "/subscriptions/sub/resourceGroups/fleet/providers/Microsoft.Devices/provisioningServices/lab-dps/certificates",
    ]);
  });

  it("signs with the shared access key, valid for an hour from now", async () => {
    const { service, hub } = await start();
    service.answer({ status: 200, body: twin });
    await hub.readIdentity(deviceId);
    const [, resource, expiry] =
      /^SharedAccessSignature sr=([^&]+)&sig=[^&]+&skn=owner&se=(\d+)$/.exec(service.seen[0]!.headers.authorization!) ??
      [];
    expect(resource).toBe(hubHost);
    expect(Number(expiry) - Date.now() / 1000).toBeGreaterThan(3000);
  });

  it("brings the settings' tokens to services on this machine that take no key", async () => {
    const { service, hub, enrollments } = await start({ by: "identity" });
    service.answer({ status: 200, body: twin }, { status: 404, body: { errorCode: 404201 } });
    await hub.readIdentity(deviceId);
    await enrollments.get(registrationId);
    expect(service.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer hub-token", "Bearer loopback"]);
  });

  it("uses one connection for calls in a row", async () => {
    const { service, hub } = await start();
    service.answer(...Array.from({ length: 5 }, () => ({ status: 200, body: twin })));
    for (let call = 0; call < 5; call += 1) await hub.readIdentity(deviceId);
    expect(service.connections()).toBe(1);
  });

  it.each(["silent", "partial"] as const)("ends a call whose answer stays away: %s", async (hang) => {
    const { service, hub, enrollments } = await start({ timeoutMs: 300 });
    service.answer({ hang }, { hang });
    await expect(hub.readIdentity(deviceId)).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
    await expect(enrollments.get(registrationId)).rejects.toMatchObject({
      code: "service-unavailable",
      retryable: true,
    });
    // Not only the caller is free: the request is over, and its connection gone.
    await service.allClosed();
  });

  it("ends a call on a connection that it used before", async () => {
    const { service, hub } = await start({ timeoutMs: 300 });
    service.answer({ status: 200, body: twin }, { hang: "silent" }, { status: 200, body: twin });
    await hub.readIdentity(deviceId);
    await expect(hub.readIdentity(deviceId)).rejects.toMatchObject({ code: "service-unavailable" });
    await expect(hub.readIdentity(deviceId)).resolves.toMatchObject({ outcome: "found" });
  });

  it("reads again at once when the connection was dropped", async () => {
    const { service, hub } = await start();
    service.answer({ drop: true }, { status: 200, body: twin });
    await expect(hub.readIdentity(deviceId)).resolves.toMatchObject({ outcome: "found" });
    service.answer({ drop: true }, { drop: true }, { status: 200, body: twin });
    await expect(hub.readIdentity(deviceId)).rejects.toMatchObject({ code: "service-unavailable" });
  });

  it("sends a write once, also when the connection was dropped", async () => {
    const { service, hub } = await start();
    service.answer({ drop: true }, { status: 200, body: { isSuccessful: true, errors: [] } });
    const slots = { primaryThumbprint: "A".repeat(64), secondaryThumbprint: "B".repeat(64) };
    const write = {
      deviceId,
      etag: Etag.parse("MQ=="),
      status: "enabled",
      statusReason: undefined,
      iotEdge: false,
      ...slots,
    } as const;
    await expect(hub.writeIdentities([write])).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
    expect(service.seen).toHaveLength(1);
  });

  it("lives through answers that crash the SDK", async () => {
    const { service, hub } = await start();
    service.answer({ status: 200, body: {} });
    await expect(hub.readIdentity(deviceId)).rejects.toMatchObject({ code: "service-answer-unreadable" });
  });

  it("trusts the loopback authority and no other", async () => {
    const { hub } = await start({ caPem: createRoot({ commonName: "Stranger" }).certificatePem });
    await expect(hub.readIdentity(deviceId)).rejects.toMatchObject({ code: "service-unavailable" });
  });

  it("lets no credential into an error, nor anything the error refers to", async () => {
    const { service, hub, enrollments } = await start();
    const echo = {
      Message: `ErrorCode:IotHubUnauthorized;SharedAccessSignature sr=x&sig=abc&se=1 and Bearer eyJh.eyJi.sig`,
    };
    service.answer(
      { status: 401, body: echo },
      { status: 500, text: `SharedAccessKey=${secretKey}` },
      { drop: true },
      { drop: true },
    );
    const errors = [
      await rejectionOf(hub.readIdentity(deviceId)),
      await rejectionOf(enrollments.get(registrationId)),
      await rejectionOf(hub.readIdentity(deviceId)),
    ];
    for (const error of errors) {
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/sig=|SharedAccessSignature|eyJh|secret key/);
      expect(inspect(error, { depth: 10 })).not.toContain(secretKey);
    }
  });
});

describe("transport to a host that is not there", () => {
  it("ends a TLS handshake that nobody answers", async () => {
    const server = createServer((socket) => void socket.on("error", () => undefined).resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const transport = createTransport({
      timeoutMs: 300,
      loopback: { caPem: "", ports: new Map([[dpsHost, port]]), tokens: new Map() },
    });
    const enrollments = createEnrollments(transport.dps({ kind: "identity", host: dpsHost }), 300);
    await expect(enrollments.get(registrationId)).rejects.toMatchObject({
      code: "service-unavailable",
      retryable: true,
    });
    transport.close();
    await new Promise((resolve) => server.close(resolve));
  });
});
