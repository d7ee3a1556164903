import { NoRetry } from "azure-iot-common";
import { Client as DeviceClient, Message } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import { MqttClient } from "mqtt";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { issueLeaf, createRoot, createIntermediate } from "../../../lab/pki/certificates";
import { hostName, startHarness, tokenFor, until, type HubHarness } from "./harness";

let lab: HubHarness;

beforeEach(async () => {
  lab = await startHarness();
});

afterEach(async () => {
  await lab.stop();
});

function lastAttempt() {
  return lab.hub.log.entries().at(-1)!;
}

async function refusal(attempt: Promise<unknown>): Promise<number> {
  try {
    await attempt;
  } catch (error) {
    return (error as { code: number }).code;
  }
  throw new Error("It was let in.");
}

describe("a device that connects", () => {
  it.each<[string, (sha256: string, sha1: string) => ReturnType<typeof x509Authentication>]>([
    ["the SHA-256 thumbprint first", (sha256) => x509Authentication(sha256)],
    ["the SHA-256 thumbprint second", (sha256) => x509Authentication("0".repeat(64), sha256)],
    ["the SHA-1 thumbprint", (_sha256, sha1) => x509Authentication(sha1)],
  ])("is let in by %s", async (_name, authentication) => {
    const leaf = lab.leaf("dev-1");
    lab.hub.store.seed("dev-1", { authentication: authentication(leaf.sha256Thumbprint, leaf.sha1Thumbprint) });
    await lab.mqtt("dev-1", leaf);
    expect(lastAttempt()).toMatchObject({
      deviceId: "dev-1",
      outcome: "accepted",
      sha256Thumbprint: leaf.sha256Thumbprint,
    });
    expect((await lab.registry.get("dev-1")).responseBody.connectionState).toBe("Connected");
  });

  it("is refused with CONNACK 5 and a reason in the log: unknown, disabled, another certificate, none", async () => {
    const leaf = lab.provision("dev-1");
    expect(await refusal(lab.mqtt("nobody", leaf))).toBe(5);
    expect(lastAttempt().reason).toBe(`IotHub '${hostName}' does not contain the specified device 'nobody'`);
    const other = lab.leaf("dev-1");
    expect(await refusal(lab.mqtt("dev-1", other))).toBe(5);
    expect(lastAttempt()).toMatchObject({
      outcome: "refused",
      sha256Thumbprint: other.sha256Thumbprint,
      reason:
        `Thumbprint does not match configuration: Thumbprint: SHA1Hash=${other.sha1Thumbprint}, ` +
        `SHA2Hash=${other.sha256Thumbprint}; Configuration: PrimaryThumbprint=${leaf.sha256Thumbprint}, SecondaryThumbprint=`,
    });
    expect(await refusal(lab.mqtt("dev-1", undefined))).toBe(5);
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(leaf.sha256Thumbprint), status: "disabled" });
    expect(await refusal(lab.mqtt("dev-1", leaf))).toBe(5);
    expect(lastAttempt().reason).toMatch(/is disabled/);
    expect(lab.hub.sessions.all()).toEqual([]);
  });

  it("is refused outside its certificate's validity", async () => {
    const root = createRoot({ commonName: "r" });
    const expired = issueLeaf({
      commonName: "dev-1",
      issuer: root,
      notBefore: new Date(Date.now() - 7_200_000),
      notAfter: new Date(Date.now() - 3_600_000),
    });
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(expired.sha256Thumbprint) });
    expect(await refusal(lab.mqtt("dev-1", expired))).toBe(5);
    expect(lastAttempt().reason).toBe("The certificate has expired");
    const early = issueLeaf({ commonName: "dev-1", issuer: root, notBefore: new Date(Date.now() + 3_600_000) });
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(early.sha256Thumbprint) });
    expect(await refusal(lab.mqtt("dev-1", early))).toBe(5);
  });

  it("is let in by its authority when the identity says so, and only under its own name", async () => {
    const root = createRoot({ commonName: "Fleet root" });
    const issuer = createIntermediate({ commonName: "Fleet issuer", issuer: root });
    const leaf = issueLeaf({ commonName: "dev-ca", issuer });
    const byAuthority = {
      ...x509Authentication("0".repeat(64)),
      type: "certificateAuthority",
      primaryThumbprint: null,
    } as const;
    lab.hub.store.seed("dev-ca", { authentication: byAuthority });
    lab.hub.store.seed("dev-other", { authentication: byAuthority });
    expect(await refusal(lab.mqtt("dev-ca", leaf))).toBe(5);
    lab.hub.store.authorities.push({ name: "fleet", der: root.der });
    await lab.mqtt("dev-ca", leaf);
    expect(await refusal(lab.mqtt("dev-other", leaf))).toBe(5);
    const forged = issueLeaf({ commonName: "dev-ca", issuer: createRoot({ commonName: "Fleet root" }) });
    expect(await refusal(lab.mqtt("dev-ca", forged))).toBe(5);
  });

  it("is let in with a SAS token of its own key, for those that have keys", async () => {
    const { responseBody } = await lab.registry.create({ deviceId: "dev-sas" });
    const key = responseBody.authentication?.symmetricKey?.primaryKey ?? "";
    const password = tokenFor(`SharedAccessKey=${key}`, `${hostName}/devices/dev-sas`);
    await lab.mqtt("dev-sas", undefined, { password });
    expect(await refusal(lab.mqtt("dev-sas", undefined, { password: `${password}0` }))).toBe(5);
    const foreign = tokenFor(`SharedAccessKey=${key}`, `${hostName}/devices/dev-other`);
    expect(await refusal(lab.mqtt("dev-sas", undefined, { password: foreign }))).toBe(5);
  });

  it("must name this hub and itself", async () => {
    const leaf = lab.provision("dev-1");
    const username = (text: string) => lab.mqtt("dev-1", leaf, { username: text });
    expect(await refusal(username("other-hub.azure-devices.net/dev-1/?api-version=2021-04-12"))).toBe(5);
    expect(await refusal(lab.mqtt("dev-2", leaf, { username: `${hostName}/dev-1/?api-version=2021-04-12` }))).toBe(5);
    expect(await refusal(username("nonsense"))).toBe(5);
    await username("127.0.0.1:8883/dev-1/?api-version=2021-04-12&whatever=1");
  });

  it("gets the CONNACK code that the switch names", async () => {
    lab.hub.switches.connackRefused = 4;
    expect(await refusal(lab.mqtt("nobody", lab.leaf("nobody")))).toBe(4);
  });

  it("cuts its own older connection", async () => {
    const leaf = lab.provision("dev-1");
    const older = await lab.mqtt("dev-1", leaf);
    const cut = closed(older);
    const newer = await lab.mqtt("dev-1", leaf);
    await cut;
    expect(newer.connected).toBe(true);
    expect(lab.hub.log.entries().map((entry) => entry.outcome)).toEqual(["accepted", "accepted", "dropped"]);
    expect((await lab.registry.get("dev-1")).responseBody.connectionState).toBe("Connected");
  });
});

describe("a live session", () => {
  const disable = (leaf: { sha256Thumbprint: string }) =>
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(leaf.sha256Thumbprint), status: "disabled" });

  it("is cut when the device is disabled or deleted", async () => {
    for (const act of ["disable", "delete"]) {
      const leaf = lab.provision("dev-1");
      const client = await lab.mqtt("dev-1", leaf);
      const cut = closed(client);
      if (act === "disable") disable(leaf);
      else lab.hub.store.delete("dev-1", undefined, "service");
      await cut;
      expect(lastAttempt()).toMatchObject({ outcome: "dropped", sha256Thumbprint: leaf.sha256Thumbprint });
    }
  });

  it("survives a pulse that is shorter than the hub's delay", async () => {
    lab.hub.switches.dropDelayMs = 100;
    const leaf = lab.provision("dev-1");
    const client = await lab.mqtt("dev-1", leaf);
    disable(leaf);
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(leaf.sha256Thumbprint) });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(client.connected).toBe(true);
    expect(lastAttempt().outcome).toBe("accepted");
  });

  it("survives being disabled when the switch says that the hub does not cut it", async () => {
    lab.hub.switches.dropSessionOnDisable = false;
    const leaf = lab.provision("dev-1");
    const client = await lab.mqtt("dev-1", leaf);
    disable(leaf);
    await client.publishAsync("devices/dev-1/messages/events/", "still here", { qos: 1 });
    expect(await refusal(lab.mqtt("dev-1", leaf))).toBe(5);
  });

  it("survives a new thumbprint, unless the switch says otherwise; the old certificate opens no new one", async () => {
    const leaf = lab.provision("dev-1");
    const client = await lab.mqtt("dev-1", leaf);
    const renew = () => lab.hub.store.seed("dev-1", { authentication: x509Authentication("C".repeat(64)) });
    renew();
    await client.publishAsync("devices/dev-1/messages/events/", "x", { qos: 1 });
    expect(await refusal(lab.mqtt("dev-1", leaf))).toBe(5);
    lab.hub.switches.keepSessionOnThumbprintChange = false;
    const cut = closed(client);
    renew();
    await cut;
  });

  it("may still be opened with a replaced thumbprint for as long as the switch says", async () => {
    lab.hub.switches.replacedThumbprintGraceMs = 60_000;
    const leaf = lab.provision("dev-1");
    lab.hub.store.seed("dev-1", { authentication: x509Authentication("C".repeat(64)) });
    await lab.mqtt("dev-1", leaf);
  });

  it("outlives its certificate, unless the switch says otherwise", async () => {
    const short = () => {
      const notAfter = new Date(Date.now() + 3_000);
      const leaf = issueLeaf({ commonName: "dev-1", issuer: createRoot({ commonName: "r" }), notAfter });
      lab.hub.store.seed("dev-1", { authentication: x509Authentication(leaf.sha256Thumbprint) });
      return leaf;
    };
    const surviving = await lab.mqtt("dev-1", short());
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    await surviving.publishAsync("devices/dev-1/messages/events/", "x", { qos: 1 });
    lab.hub.switches.dropSessionOnExpiry = true;
    const client = await lab.mqtt("dev-1", short());
    await closed(client);
    expect(lastAttempt()).toMatchObject({ outcome: "dropped", reason: "The credential has expired." });
  });

  it("of a module ends with its device only if the switch says so", async () => {
    const leaf = lab.provision("dev-1");
    const moduleLeaf = lab.leaf("dev-1/m1");
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(moduleLeaf.sha256Thumbprint) }, "m1");
    const connectModule = () =>
      lab.mqtt("dev-1", moduleLeaf, { clientId: "dev-1/m1", username: `${hostName}/dev-1/m1/?api-version=2021-04-12` });
    const client = await connectModule();
    lab.hub.switches.dropDelayMs = 0;
    disable(leaf);
    await client.publishAsync("devices/dev-1/modules/m1/messages/events/", "x", { qos: 1 });
    lab.hub.switches.disableBlocksModules = true;
    const cut = closed(client);
    disable(leaf);
    await cut;
    expect(await refusal(connectModule())).toBe(5);
  });
});

describe("messages of a device", () => {
  it("arrive on the built-in endpoint with the system properties of IoT Hub", async () => {
    const leaf = lab.provision("dev-1");
    const client = lab.deviceClient("dev-1", leaf);
    await client.open();
    const message = new Message(Buffer.from('{"t":1}'));
    message.messageId = "mid";
    message.contentType = "application/json";
    message.contentEncoding = "utf-8";
    message.properties.add("k y", "v&=1");
    await client.sendEvent(message);
    const [event] = lab.events.store.read(lab.hub.eventHubName);
    expect(event!.body.toString()).toBe('{"t":1}');
    expect(event).toMatchObject({
      messageId: "mid",
      applicationProperties: { "k y": "v&=1" },
      annotations: {
        "iothub-connection-device-id": "dev-1",
        "iothub-connection-auth-method":
          '{"scope":"device","type":"x509","issuer":"iothub","acceptingIpFilterRule":null}',
        "iothub-connection-auth-generation-id": lab.hub.store.device("dev-1")!.identity.generationId,
        "iothub-message-source": "Telemetry",
        "x-opt-partition-key": "dev-1",
      },
    });
    expect(new Date(event!.annotations["iothub-enqueuedtime"] as number).getTime()).toBeGreaterThan(
      Date.now() - 60_000,
    );
    await client.close();
  });

  it("name the kind of authentication as the switch says", async () => {
    lab.hub.switches.x509AuthMethodType = "x509CertificateAuthority";
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    await client.publishAsync("devices/dev-1/messages/events/", "x", { qos: 1 });
    const [event] = lab.events.store.read(lab.hub.eventHubName);
    expect(event!.annotations["iothub-connection-auth-method"]).toContain('"type":"x509CertificateAuthority"');
  });

  it("are empty when the device sends nothing but properties", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    await client.publishAsync("devices/dev-1/messages/events/messageType=heartbeat", "", { qos: 1 });
    const [event] = lab.events.store.read(lab.hub.eventHubName);
    expect(event!.body).toHaveLength(0);
    expect(event!.applicationProperties).toEqual({ messageType: "heartbeat" });
  });

  it("cannot be sent in the name of another device", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    const cut = closed(client);
    client.publish("devices/dev-2/messages/events/", "forged", { qos: 0 });
    await cut;
    expect(lab.events.store.read(lab.hub.eventHubName)).toEqual([]);
  });

  it("lose RETAIN, and the last will becomes a message", async () => {
    const leaf = lab.provision("dev-1");
    const will = {
      topic: "devices/dev-1/messages/events/a=b",
      payload: Buffer.from("gone"),
      qos: 1,
      retain: false,
    } as const;
    const client = await lab.mqtt("dev-1", leaf, { will });
    await client.publishAsync("devices/dev-1/messages/events/", "kept", { qos: 1, retain: true });
    client.stream.destroy();
    await until(() => lab.events.store.read(lab.hub.eventHubName).length === 2);
    const properties = lab.events.store.read(lab.hub.eventHubName).map((event) => event.applicationProperties);
    expect(properties).toEqual([{ "mqtt-retain": "true" }, { a: "b", "iothub-MessageType": "Will" }]);
  });

  it("are not acknowledged when the hub did not take them, and vanish when it only says it did", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    const topic = "devices/dev-1/messages/events/";
    lab.faults.add({ operation: "hub.events.append", effect: { kind: "acknowledged-not-done" }, times: 1 });
    await client.publishAsync(topic, "vanishes", { qos: 1 });
    lab.faults.add({ operation: "hub.events.append", effect: { kind: "status", status: 503 }, times: 1 });
    const acknowledged: string[] = [];
    void client.publishAsync(topic, "lost", { qos: 1 }).then(
      () => acknowledged.push("lost"),
      () => undefined,
    );
    await client.publishAsync(topic, "arrives", { qos: 1 });
    expect(acknowledged).toEqual([]);
    expect(lab.events.store.read(lab.hub.eventHubName).map((event) => event.body.toString())).toEqual(["arrives"]);
  });
});

describe("an unchanged device sample", () => {
  it.each(["x509", "key"])("works with a connection string that names the lab's port (%s)", async (kind) => {
    const leaf = lab.provision("dev-1");
    const host = `HostName=localhost:${lab.hub.mqttPort};DeviceId=dev-1`;
    const key = Buffer.alloc(32, 7).toString("base64");
    if (kind === "key") {
      const authentication = {
        ...x509Authentication("0".repeat(64)),
        type: "sas",
        primaryThumbprint: null,
        primaryKey: key,
      } as const;
      lab.hub.store.seed("dev-1", { authentication });
    }
    const client = DeviceClient.fromConnectionString(
      kind === "x509" ? `${host};x509=true` : `${host};SharedAccessKey=${key}`,
      Mqtt,
    );
    client.setRetryPolicy(new NoRetry());
    await client.setOptions({
      ca: lab.root.certificatePem,
      ...(kind === "x509" ? { cert: leaf.chainPem, key: leaf.privateKeyPem } : {}),
    });
    await client.open();
    await client.sendEvent(new Message("hello"));
    expect(lab.events.store.read(lab.hub.eventHubName)[0]!.body.toString()).toBe("hello");
    await client.close();
  });
});

describe("direct methods", () => {
  it("reach the official device client and bring its answer back", async () => {
    const client = lab.deviceClient("dev-1", lab.provision("dev-1"));
    await client.open();
    const seen: unknown[] = [];
    client.onDeviceMethod("report", (request, response) => {
      seen.push(request.payload);
      void response.send(202, { accepted: true });
    });
    await until(() => lab.hub.sessions.get("dev-1")?.mqtt.isSubscribed("$iothub/methods/POST/report/?$rid=1") === true);
    const { result } = (await lab.service.invokeDeviceMethod("dev-1", {
      methodName: "report",
      payload: { rollId: "r42" },
      responseTimeoutInSeconds: 10,
    })) as { result: { status: number; payload: unknown } };
    expect(result).toEqual({ status: 202, payload: { accepted: true } });
    expect(seen).toEqual([{ rollId: "r42" }]);
    await client.close();
  });

  it("answer 404103 in the nested form when the device is away, 404001 when it is unknown or disabled", async () => {
    const leaf = lab.provision("dev-1");
    const call = (id: string) => lab.raw("POST", `/twins/${id}/methods`, { methodName: "m", payload: null });
    const away = await call("dev-1");
    expect(away).toMatchObject({ status: 404, headers: { "iothub-errorcode": "DeviceNotOnline" } });
    expect(innerOf(away.body)).toMatchObject({ errorCode: 404103, info: {} });
    const unknown = await call("nobody");
    expect(unknown.headers["iothub-errorcode"]).toBe("DeviceNotFound");
    expect(innerOf(unknown.body)).toMatchObject({ errorCode: 404001 });
    lab.hub.store.seed("dev-1", { authentication: x509Authentication(leaf.sha256Thumbprint), status: "disabled" });
    expect(innerOf((await call("dev-1")).body)).toMatchObject({ errorCode: 404001 });
  });

  it("wait for a device as long as the connect timeout says", async () => {
    const leaf = lab.provision("dev-1");
    const body = { methodName: "m", payload: 1, connectTimeoutInSeconds: 60, responseTimeoutInSeconds: 60 };
    const answer = lab.raw("POST", "/twins/dev-1/methods", body);
    const client = await lab.mqtt("dev-1", leaf);
    client.on("message", (topic) => {
      const requestId = /rid=(.*)$/.exec(topic)?.[1];
      client.publish(`$iothub/methods/res/200/?$rid=${requestId}`, '"here"');
    });
    await client.subscribeAsync("$iothub/methods/POST/#");
    expect(await answer).toMatchObject({ status: 200, body: { status: 200, payload: "here" } });
    lab.hub.sessions.drop(lab.hub.sessions.get("dev-1")!, "test");
    await until(() => lab.hub.sessions.get("dev-1") === undefined);
    const late = await lab.raw("POST", "/twins/dev-1/methods", { ...body, connectTimeoutInSeconds: 1 });
    expect(innerOf(late.body)).toMatchObject({
      errorCode: 404103,
      message: "Timed out waiting for device to connect.",
      info: { timeout: "00:00:01" },
    });
  });

  it("answer 504101 when the device says nothing, and 404104 when it goes away meanwhile", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    await client.subscribeAsync("$iothub/methods/POST/#");
    const silent = await lab.raw("POST", "/twins/dev-1/methods", { methodName: "m", responseTimeoutInSeconds: 5 });
    expect(silent.status).toBe(504);
    expect(innerOf(silent.body)).toMatchObject({ errorCode: 504101, info: { timeout: "00:00:05" } });
    const asked = new Promise((resolve) => client.once("message", resolve));
    const answer = lab.raw("POST", "/twins/dev-1/methods", { methodName: "m" });
    await asked;
    client.end(true);
    expect(innerOf((await answer).body)).toMatchObject({ errorCode: 404104 });
  });

  it.each<[string, unknown]>([
    ["no name", { payload: 1 }],
    ["a response timeout below 5 seconds", { methodName: "m", responseTimeoutInSeconds: 4 }],
    ["a connect timeout above 300 seconds", { methodName: "m", connectTimeoutInSeconds: 301 }],
  ])("refuse %s with 400", async (_name, body) => {
    lab.provision("dev-1");
    expect((await lab.raw("POST", "/twins/dev-1/methods", body)).status).toBe(400);
  });
});

describe("twins and messages, as a device sees them", () => {
  it("reads its twin, reports, and hears of desired properties, by the official client", async () => {
    const client = lab.deviceClient("dev-1", lab.provision("dev-1"));
    await client.open();
    await lab.registry.updateTwin("dev-1", { tags: { hidden: true }, properties: { desired: { a: 1 } } }, "*");
    const twin = await client.getTwin();
    expect(twin.properties.desired).toMatchObject({ a: 1 });
    expect(twin).not.toHaveProperty("tags");
    const changed = new Promise<unknown>((resolve) =>
      twin.on("properties.desired", (delta: { b?: number }) => {
        if (delta.b !== undefined) resolve(delta);
      }),
    );
    const reported = twin.properties.reported as { update(patch: object, done: (error?: Error) => void): void };
    await new Promise<void>((resolve, reject) =>
      reported.update({ leaf: "AB" }, (error) => (error ? reject(error) : resolve())),
    );
    expect(lab.hub.store.device("dev-1")!.twin.reported.values).toEqual({ leaf: "AB" });
    await until(() =>
      lab.hub.sessions.get("dev-1")!.mqtt.isSubscribed("$iothub/twin/PATCH/properties/desired/?$version=1"),
    );
    await lab.registry.updateTwin("dev-1", { properties: { desired: { b: 2 } } }, "*");
    expect(await changed).toMatchObject({ b: 2, $version: 3 });
    await client.close();
  });

  it("gets a queued message when it subscribes, again after a reconnect until it acknowledges", async () => {
    const leaf = lab.provision("dev-1");
    lab.hub.messages.send("dev-1", Buffer.from("hello"), { a: "b" });
    expect((await lab.registry.get("dev-1")).responseBody.cloudToDeviceMessageCount).toBe(1);
    const client = await lab.mqtt("dev-1", leaf);
    const received = new Promise<[string, Buffer]>((resolve) =>
      client.once("message", (topic, payload) => resolve([topic, payload])),
    );
    await client.subscribeAsync("devices/dev-1/messages/devicebound/#", { qos: 1 });
    const [topic, payload] = await received;
    expect(topic).toMatch(/^devices\/dev-1\/messages\/devicebound\/.*a=b/);
    expect(payload.toString()).toBe("hello");
    await until(() => lab.hub.messages.waiting("dev-1") === 0);
  });

  it("may subscribe to its own topics only", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    const granted = async (filter: string) => {
      const [answer] = await client.subscribeAsync(filter, { qos: 0 }).catch(() => [{ qos: 128 }]);
      return answer?.qos;
    };
    for (const filter of [
      "#",
      "$iothub/#",
      "devices/dev-2/messages/devicebound/#",
      "devices/+/messages/devicebound/#",
    ]) {
      expect(await granted(filter)).toBe(128);
    }
    expect(await granted("$iothub/methods/POST/#")).toBe(0);
  });
});

describe("a device without a socket", () => {
  it("speaks the same MQTT over memory", async () => {
    const leaf = lab.provision("dev-1");
    const stream = lab.hub.connectInMemory({ der: leaf.der });
    const client = new MqttClient(() => stream, {
      protocolVersion: 4,
      clientId: "dev-1",
      username: `${hostName}/dev-1/?api-version=2021-04-12`,
      reconnectPeriod: 0,
    });
    await new Promise((resolve) => client.once("connect", resolve));
    await client.publishAsync("devices/dev-1/messages/events/", "x", { qos: 1 });
    expect(lab.events.store.read(lab.hub.eventHubName)).toHaveLength(1);
    const cut = closed(client);
    lab.hub.store.delete("dev-1", undefined, "service");
    await cut;
    client.end(true);
  });
});

function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once("close", () => resolve()));
}

function innerOf(body: unknown): unknown {
  return JSON.parse((body as { Message: string }).Message) as unknown;
}
