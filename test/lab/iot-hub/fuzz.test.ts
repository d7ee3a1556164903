import { generate } from "mqtt-packet";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { hostName, startHarness, type HubHarness } from "./harness";

/** Each listener gets this many damaged inputs; the seed makes a failure repeatable. */
const rounds = 60;
const seed = 20_261_122;

let lab: HubHarness;

beforeAll(async () => {
  lab = await startHarness();
});

afterAll(async () => {
  await lab.stop();
});

/** A small generator of numbers below 1, the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomFrom(seed);
const below = (limit: number) => Math.floor(random() * limit);

/** A copy with some bytes changed, cut, doubled or put in. */
function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 0; i <= below(4); i += 1) copy[below(copy.length)] = below(256);
  const cut = below(3) === 0 ? copy.subarray(0, below(copy.length)) : copy;
  return below(4) === 0 ? Buffer.concat([cut, cut]) : cut;
}

function noise(): Buffer {
  return Buffer.from(Array.from({ length: 1 + below(200) }, () => below(256)));
}

/** Sends bytes and waits until the server hung up or said something. */
function poke(socket: ReturnType<typeof connectTcp>, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    };
    const timer = setTimeout(finish, 30);
    socket.on("error", finish);
    socket.on("close", finish);
    socket.on("data", finish);
    socket.write(bytes);
  });
}

function tls(port: number): ReturnType<typeof connectTls> {
  return connectTls({ host: "127.0.0.1", port, servername: hostName, rejectUnauthorized: false });
}

describe("random and damaged input", () => {
  it("does not stop the device side", async () => {
    const leaf = lab.provision("dev-1");
    const good = Buffer.concat([
      generate({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clientId: "dev-1",
        clean: false,
        keepalive: 180,
        username: `${hostName}/dev-1/?api-version=2021-04-12`,
      }),
      generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$iothub/twin/res/#", qos: 1 }] }),
      generate({
        cmd: "publish",
        topic: "$iothub/twin/PATCH/properties/reported/?$rid=1",
        payload: '{"a":1}',
        qos: 1,
        dup: false,
        retain: false,
        messageId: 2,
      }),
    ]);
    for (let i = 0; i < rounds; i += 1) {
      const bytes = i % 3 === 0 ? noise() : damaged(good);
      await poke(i % 5 === 0 ? connectTcp(lab.hub.mqttPort, "127.0.0.1") : tls(lab.hub.mqttPort), bytes);
    }
    const client = await lab.mqtt("dev-1", leaf);
    expect(client.connected).toBe(true);
  });

  it("does not stop the device side behind CONNECT, whatever a device publishes", async () => {
    const leaf = lab.provision("dev-2");
    const topics = [
      "$iothub/methods/res/200/?$rid=1",
      "$iothub/twin/GET/?$rid=%E0%A4%A",
      "$iothub/twin/PATCH/properties/reported/?$rid=1",
      "devices/dev-2/messages/events/%24.ct=%&&==a",
      "devices/dev-2/messages/events/%24.ctime=never",
    ];
    const client = await lab.mqtt("dev-2", leaf);
    for (let i = 0; i < rounds; i += 1) {
      client.publish(topics[below(topics.length)]!, damaged(Buffer.from('{"a":{"b":[1,2,{"c":"d"}]},"$version":1}')));
    }
    await client.publishAsync("devices/dev-2/messages/events/", "alive", { qos: 1 });
    const events = lab.events.store.read(lab.hub.eventHubName);
    expect(events.map((event) => event.body.toString())).toContain("alive");
  });

  it("gets an answer below 500 from the service API", async () => {
    lab.provision("dev-3");
    const body = JSON.stringify({
      deviceId: "dev-3",
      status: "enabled",
      authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: "A".repeat(64) } },
      tags: { a: 1 },
      properties: { desired: { b: [1] } },
      query: "SELECT * FROM devices WHERE tags.a = 1",
      methodName: "m",
    });
    const calls: [string, string][] = [
      ["PUT", "/devices/dev-3"],
      ["POST", "/devices"],
      ["PATCH", "/twins/dev-3"],
      ["PUT", "/twins/dev-3"],
      ["POST", "/devices/query"],
      ["PUT", "/jobs/v2/j"],
      ["POST", "/jobs/create"],
      ["POST", "/twins/nobody/methods"],
    ];
    for (let i = 0; i < rounds * 3; i += 1) {
      const [method, path] = calls[i % calls.length]!;
      const text =
        i % 4 === 0
          ? JSON.stringify(JSON.parse(body)).replace(/[a-z]/g, (c) => (below(9) === 0 ? "1" : c))
          : damaged(Buffer.from(body)).toString("latin1");
      const answer = await lab.raw(method, path, path === "/devices" ? `[${text}]` : text, { "if-match": '"*"' });
      expect({ method, path, text, status: answer.status < 500 }).toMatchObject({ status: true });
    }
  });

  it("does not stop the service API's listener, nor the Event Hubs one", async () => {
    const http = Buffer.from(`GET /devices/dev-1?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hostName}\r\n\r\n`);
    const amqp = Buffer.concat([
      Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]),
      Buffer.from([0, 0, 0, 0x19, 2, 1, 0, 0, 0, 0x53, 0x41, 0xc0, 0x0c, 1, 0xa3, 9]),
      Buffer.from("ANONYMOUS"),
      Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]),
      Buffer.from([0, 0, 0, 0x11, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 4, 1, 0xa1, 1, 0x61]),
    ]);
    for (let i = 0; i < rounds; i += 1) {
      await poke(i % 5 === 0 ? connectTcp(lab.hub.servicePort, "127.0.0.1") : tls(lab.hub.servicePort), damaged(http));
      await poke(connectTcp(lab.events.port, "127.0.0.1"), i % 3 === 0 ? noise() : damaged(amqp));
    }
    expect((await lab.raw("GET", "/devices/dev-1")).status).toBe(200);
    const { EventHubProducerClient } = await import("@azure/event-hubs");
    const producer = new EventHubProducerClient(lab.events.connectionString(lab.hub.eventHubName));
    await producer.sendBatch([{ body: "alive" }]);
    await producer.close();
  });
});
