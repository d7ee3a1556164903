import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { EventHubConsumerClient } from "@azure/event-hubs";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startHarness, until, type HubHarness } from "./harness";

let lab: HubHarness;

beforeEach(async () => {
  lab = await startHarness({
    resourceLogHub: "hub-logs",
    routes: [
      { name: "connections", source: "DeviceConnectionStateEvents", endpoint: "hub-events" },
      { name: "lifecycle", source: "DeviceLifecycleEvents", endpoint: "hub-events" },
      { name: "twins", source: "TwinChangeEvents", endpoint: "hub-twins" },
      { name: "reports", source: "DeviceMessages", endpoint: "reports", condition: "messageType = 'rollReport'" },
      { name: "hot", source: "DeviceMessages", endpoint: "hot", condition: "$body.temp > 90" },
    ],
  });
});

afterEach(async () => {
  await lab.stop();
});

function read(hub: string) {
  return lab.events.store.read(hub).map((event) => ({
    opType: event.applicationProperties["opType"],
    deviceId: event.applicationProperties["deviceId"],
    source: event.annotations["iothub-message-source"],
    schema: event.applicationProperties["iothub-message-schema"],
    body: event.body.length === 0 ? undefined : (JSON.parse(event.body.toString()) as Record<string, unknown>),
  }));
}

describe("message routes", () => {
  it("send messages where their conditions say, the rest to the built-in endpoint", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    const topic = "devices/dev-1/messages/events/";
    await client.publishAsync(`${topic}messageType=rollReport`, '{"a":1}', { qos: 1 });
    await client.publishAsync(`${topic}messageType=heartbeat`, "", { qos: 1 });
    await client.publishAsync(`${topic}%24.ct=application%2Fjson`, '{"temp":95}', { qos: 1 });
    await client.publishAsync(topic, '{"temp":95}', { qos: 1 });
    const bodies = (hub: string) => lab.events.store.read(hub).map((event) => event.body.toString());
    expect(bodies("reports")).toEqual(['{"a":1}']);
    expect(bodies("hot")).toEqual(['{"temp":95}']);
    expect(bodies(lab.hub.eventHubName)).toEqual(["", '{"temp":95}']);
  });

  it("refuse a condition that cannot be read", () => {
    const bad = { name: "bad", source: "DeviceMessages", endpoint: "x", condition: "a = = b" } as const;
    expect(() => lab.hub.router.add(bad)).toThrow(/unexpected/);
  });
});

describe("events about devices", () => {
  it("tell of creation and deletion with the twin", async () => {
    await lab.registry.create({ deviceId: "dev-1" });
    await lab.registry.delete("dev-1");
    expect(read("hub-events")).toMatchObject([
      {
        opType: "createDeviceIdentity",
        deviceId: "dev-1",
        source: "deviceLifecycleEvents",
        schema: "deviceLifecycleNotification",
        body: { deviceId: "dev-1", version: 2 },
      },
      { opType: "deleteDeviceIdentity" },
    ]);
  });

  it("tell of twin changes with what changed", async () => {
    lab.provision("dev-1");
    await lab.registry.updateTwin("dev-1", { tags: { site: "A" }, properties: { desired: { x: 1 } } }, "*");
    await lab.raw("PUT", "/twins/dev-1", { tags: { site: "B" } });
    expect(read("hub-twins")).toMatchObject([
      {
        opType: "updateTwin",
        body: { version: 3, tags: { site: "A" }, properties: { desired: { x: 1, $version: 2 } } },
      },
      { opType: "replaceTwin", body: { version: 4, tags: { site: "B" } } },
    ]);
  });

  it("tell of connections once the device did something, in an order that can be compared", async () => {
    const leaf = lab.provision("dev-1");
    const connections = () =>
      read("hub-events").filter(
        (event) => event.opType?.toString().startsWith("deviceC") === true || event.opType === "deviceDisconnected",
      );
    const client = await lab.mqtt("dev-1", leaf);
    expect(connections()).toEqual([]);
    await client.subscribeAsync("$iothub/methods/POST/#");
    client.end(true);
    await until(() => connections().length === 2);
    const [connected, disconnected] = connections();
    expect(connected).toMatchObject({
      opType: "deviceConnected",
      source: "deviceConnectionStateEvents",
      schema: "deviceConnectionStateNotification",
    });
    expect(disconnected!.opType).toBe("deviceDisconnected");
    const sequences = [connected!, disconnected!].map((event) => event.body!["sequenceNumber"] as string);
    expect(sequences.every((text) => /^[0-9A-F]{64}$/.test(text))).toBe(true);
    expect(sequences[1]! > sequences[0]!).toBe(true);
  });

  it("tell only of what differs between two snapshots, when the switch says so", async () => {
    const snapshots: (() => void)[] = [];
    const clock = {
      now: () => Date.now(),
      after: (ms: number, action: () => void) => {
        if (ms === 60_000) {
          snapshots.push(action);
          return () => undefined;
        }
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
    };
    const slow = await startHarness({
      clock,
      switches: { connectionEventSnapshotMs: 60_000 },
      routes: [{ name: "all", source: "DeviceConnectionStateEvents", endpoint: "states" }],
    });
    const leaf = slow.provision("dev-1");
    const told = () => slow.events.store.read("states").map((event) => event.applicationProperties["opType"]);
    for (let i = 0; i < 2; i += 1) {
      const client = await slow.mqtt("dev-1", leaf);
      await client.subscribeAsync("$iothub/methods/POST/#");
      client.end(true);
      await until(() => slow.hub.sessions.get("dev-1") === undefined);
    }
    const client = await slow.mqtt("dev-1", leaf);
    await client.subscribeAsync("$iothub/methods/POST/#");
    expect(told()).toEqual([]);
    expect(snapshots).toHaveLength(1);
    snapshots[0]!();
    expect(told()).toEqual(["deviceConnected"]);
    await slow.stop();
  });
});

describe("connection logs", () => {
  it("hold the error number with the presented and the configured thumbprint", async () => {
    const leaf = lab.provision("dev-1");
    const stolen = lab.leaf("dev-1");
    await expect(lab.mqtt("dev-1", stolen)).rejects.toMatchObject({ code: 5 });
    await lab.mqtt("dev-1", leaf);
    const [refused, accepted] = read("hub-logs").map((event) => (event.body!["records"] as unknown[])[0]);
    expect(refused).toMatchObject({
      category: "Connections",
      operationName: "deviceConnect",
      level: "Error",
      resultType: "401003",
    });
    const { resultDescription } = refused as { resultDescription: string };
    expect(resultDescription).toMatch(/^401003;IotHubUnauthorized;Thumbprint does not match configuration/);
    expect(resultDescription).toContain(`SHA2Hash=${stolen.sha256Thumbprint}`);
    expect(resultDescription).toContain(`PrimaryThumbprint=${leaf.sha256Thumbprint}`);
    expect(accepted).toMatchObject({ level: "Information", operationName: "deviceConnect" });
  });
});

describe("webhooks", () => {
  let hook: Server;
  let url: string;
  const received: { headers: Record<string, unknown>; body: unknown }[] = [];
  let answer: (body: unknown) => { status: number; body?: unknown; headers?: Record<string, string> };

  beforeEach(async () => {
    received.length = 0;
    answer = (body) => {
      const [event] = body as { data: { validationCode?: string } }[];
      return { status: 200, body: { validationResponse: event?.data.validationCode } };
    };
    hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const body: unknown = text === "" ? undefined : JSON.parse(text);
        const { status, body: reply, headers } = request.method === "OPTIONS" ? answer([]) : answer(body);
        if (request.headers["aeg-event-type"] === "Notification") received.push({ headers: request.headers, body });
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(reply === undefined ? "" : JSON.stringify(reply));
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  });

  afterEach(async () => {
    await new Promise((resolve) => {
      hook.close(resolve);
      hook.closeAllConnections();
    });
  });

  it("get events in the Event Grid form after they answered the validation code", async () => {
    await lab.hub.eventGrid.subscribe({ url });
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    await client.subscribeAsync("$iothub/methods/POST/#");
    await until(() => received.length === 2);
    const events = received.map(({ body }) => (body as unknown[])[0] as { eventType: string });
    const byType = (type: string) => events.find((event) => event.eventType === type);
    expect(byType("Microsoft.Devices.DeviceCreated")).toMatchObject({
      subject: "devices/dev-1",
      dataVersion: "1",
      data: { hubName: "lab-hub", deviceId: "dev-1", twin: { deviceId: "dev-1" } },
    });
    expect(byType("Microsoft.Devices.DeviceConnected")).toMatchObject({
      data: { deviceConnectionStateEventInfo: { sequenceNumber: expect.stringMatching(/^[0-9A-F]{64}$/) as string } },
    });
  });

  it("get CloudEvents when they allow them, and are tried again when they fail", async () => {
    answer = () => ({ status: 200, headers: { "webhook-allowed-origin": "*" } });
    const types = ["Microsoft.Devices.DeviceTelemetry"] as const;
    await lab.hub.eventGrid.subscribe({ url, schema: "CloudEventSchemaV1_0", types });
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    let failures = 1;
    answer = () => ({ status: failures-- > 0 ? 503 : 200 });
    await client.publishAsync("devices/dev-1/messages/events/a=b", "x", { qos: 1 });
    await until(() => received.length === 2);
    expect(received[1]!.body).toMatchObject({
      specversion: "1.0",
      type: "Microsoft.Devices.DeviceTelemetry",
      subject: "devices/dev-1",
      data: { properties: { a: "b" }, body: Buffer.from("x").toString("base64") },
    });
  });

  it("are refused when they do not answer the validation code", async () => {
    answer = () => ({ status: 200, body: { validationResponse: "something else" } });
    await expect(lab.hub.eventGrid.subscribe({ url })).rejects.toThrow(/validation code/);
    await expect(lab.hub.eventGrid.subscribe({ url, schema: "CloudEventSchemaV1_0" })).rejects.toThrow(
      /allows no events/,
    );
  });
});

describe("from a device to a consumer", () => {
  it("a message comes out of the official consumer with the system properties of IoT Hub", async () => {
    const client = await lab.mqtt("dev-1", lab.provision("dev-1"));
    const consumer = new EventHubConsumerClient("$Default", lab.events.connectionString(lab.hub.eventHubName));
    const first = new Promise<Record<string, unknown>>((resolve, reject) => {
      consumer.subscribe(
        {
          processEvents: ([event]) => {
            if (event) resolve(event.systemProperties ?? {});
            return Promise.resolve();
          },
          processError: (error) => {
            reject(error);
            return Promise.resolve();
          },
        },
        { startPosition: { offset: "-1" } },
      );
    });
    await client.publishAsync("devices/dev-1/messages/events/%24.mid=m1", "x", { qos: 1 });
    expect(await first).toMatchObject({
      messageId: "m1",
      "iothub-connection-device-id": "dev-1",
      "iothub-message-source": "Telemetry",
      "iothub-enqueuedtime": expect.any(Number) as number,
    });
    await consumer.close();
  });
});

describe("a snapshot", () => {
  it("gives the registry back to another hub, and refuses what is none", async () => {
    const leaf = lab.provision("dev-1");
    await lab.registry.updateTwin("dev-1", { tags: { a: 1 }, properties: { desired: { b: { c: 2 } } } }, "*");
    lab.hub.store.seed("dev-1", { authentication: x509Authentication("A".repeat(64)) }, "m1");
    const snapshot: unknown = JSON.parse(JSON.stringify(lab.hub.snapshot()));
    const resumed = await startHarness({ snapshot });
    const before = await lab.raw("GET", "/twins/dev-1");
    const after = await resumed.raw("GET", "/twins/dev-1");
    expect(after.body).toEqual(before.body);
    expect(resumed.hub.store.module("dev-1", "m1")).toEqual(lab.hub.store.module("dev-1", "m1"));
    await resumed.mqtt("dev-1", leaf);
    expect((await resumed.raw("POST", "/devices/query", { query: "SELECT * FROM devices" })).body).toHaveLength(1);
    await resumed.stop();
    await expect(startHarness({ snapshot: { version: 2 } })).rejects.toThrow();
  });
});
