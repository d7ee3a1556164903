import { generate, parser, type Packet } from "mqtt-packet";
import type { Duplex } from "node:stream";
import type { LabClock } from "../../../lab/clock";
import { memoryPair } from "../../../lab/mqtt/memory-pair";
import { serveMqtt, type CloseReason, type MqttHandlers } from "../../../lab/mqtt/session";
import { topicMatches } from "../../../lab/mqtt/topics";

/** A client of raw packets: sees what the server really sends, and when. */
class RawClient {
  readonly received: Packet[] = [];
  closed = false;
  private readonly waiting: (() => void)[] = [];

  constructor(readonly stream: Duplex) {
    const packets = parser();
    packets.on("packet", (packet: Packet) => {
      this.received.push(packet);
      this.wake();
    });
    const hangUp = () => {
      this.closed = true;
      this.wake();
    };
    stream.on("data", (chunk: Buffer) => packets.parse(chunk));
    stream.on("close", hangUp);
    stream.on("end", hangUp);
    stream.on("error", () => undefined);
  }

  send(...packets: Packet[]): void {
    this.stream.write(Buffer.concat(packets.map((packet) => generate(packet))));
  }

  async next(cmd: Packet["cmd"]): Promise<Packet> {
    for (;;) {
      const at = this.received.findIndex((packet) => packet.cmd === cmd);
      const found = at < 0 ? undefined : this.received.splice(at, 1)[0];
      if (found) return found;
      if (this.closed) throw new Error(`closed before ${cmd}`);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    for (const resume of this.waiting.splice(0)) resume();
  }
}

const connectPacket: Packet = {
  cmd: "connect",
  protocolId: "MQTT",
  protocolVersion: 4,
  clientId: "dev-001",
  clean: true,
  keepalive: 10,
  username: "hub/dev-001",
};

const streams: Duplex[] = [];

afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy(); // an open session keeps a timer
});

function serve(handlers: Partial<MqttHandlers>, clock?: LabClock) {
  const [clientSide, serverSide] = memoryPair();
  const closes: CloseReason[] = [];
  streams.push(serverSide);
  const session = serveMqtt(
    serverSide,
    { chain: [] },
    {
      connect: () => 0,
      publish: () => undefined,
      close: (_session, reason) => {
        closes.push(reason);
      },
      ...handlers,
    },
    clock,
  );
  return { client: new RawClient(clientSide), session, closes };
}

/** Time that moves only when told to. */
function manualClock(): LabClock & { advance(ms: number): void } {
  let now = 0;
  const timers = new Set<{ at: number; action: () => void }>();
  return {
    now: () => now,
    after: (delayMs, action) => {
      const timer = { at: now + delayMs, action };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: (ms) => {
      now += ms;
      for (const timer of [...timers]) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.action();
      }
    },
  };
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("an MQTT session", () => {
  it("answers CONNECT with the code that the service decides and hangs up when it is not 0", async () => {
    const { client, closes } = serve({ connect: () => 5 });
    client.send(connectPacket);
    expect(await client.next("connack")).toMatchObject({ returnCode: 5 });
    await client.untilClosed();
    expect(closes).toEqual([]);
  });

  it("answers 3 when the service fails to decide", async () => {
    const { client } = serve({ connect: () => Promise.reject(new Error("down")) });
    client.send(connectPacket);
    expect(await client.next("connack")).toMatchObject({ returnCode: 3 });
  });

  it("refuses MQTT 5 with 'unacceptable protocol version'", async () => {
    const { client } = serve({});
    client.send({ ...connectPacket, protocolVersion: 5 });
    expect(await client.next("connack")).toMatchObject({ returnCode: 1 });
  });

  it("keeps what a client sends before its CONNACK, in order", async () => {
    let accept: (code: 0) => void = () => undefined;
    const topics: string[] = [];
    const { client } = serve({
      connect: () => new Promise<0>((resolve) => (accept = resolve)),
      publish: (topic) => {
        topics.push(topic);
      },
    });
    client.send(
      connectPacket,
      { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a", qos: 0 }] },
      publish("x"),
    );
    client.send(publish("y"), { cmd: "pingreq" });
    await tick();
    expect(topics).toEqual([]);
    accept(0);
    await client.next("pingresp");
    expect(topics).toEqual(["x", "y"]);
  });

  it("offers quality of service 1 to a client that asks for 2, and can refuse a filter", async () => {
    const { client } = serve({ subscribe: (filter, qos) => (filter === "forbidden" ? 128 : qos) });
    client.send(connectPacket, {
      cmd: "subscribe",
      messageId: 7,
      subscriptions: [
        { topic: "a/#", qos: 2 },
        { topic: "forbidden", qos: 0 },
        { topic: "b", qos: 0 },
      ],
    });
    expect(await client.next("suback")).toMatchObject({ messageId: 7, granted: [1, 128, 0] });
  });

  it("sends only what the client subscribed to, and nothing after UNSUBSCRIBE", async () => {
    const { client, session } = serve({});
    client.send(connectPacket, { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a/#", qos: 0 }] });
    await client.next("suback");
    expect(session.publish("b", "no")).toBe(false);
    expect(session.publish("a/x", "yes")).toBe(true);
    expect(await client.next("publish")).toMatchObject({ topic: "a/x", qos: 0 });
    client.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["a/#"] });
    expect(await client.next("unsuback")).toMatchObject({ messageId: 2 });
    expect(session.publish("a/x", "no")).toBe(false);
  });

  it("reports the client's PUBACK, and never exceeds the granted quality of service", async () => {
    const { client, session } = serve({});
    const acknowledged: string[] = [];
    client.send(connectPacket, {
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: "one", qos: 1 },
        { topic: "zero", qos: 0 },
      ],
    });
    await client.next("suback");
    session.publish("one", "1", 1, () => acknowledged.push("one"));
    session.publish("zero", "0", 1, () => acknowledged.push("zero"));
    const sent = await client.next("publish");
    expect(sent).toMatchObject({ topic: "one", qos: 1 });
    expect(await client.next("publish")).toMatchObject({ topic: "zero", qos: 0 });
    expect(acknowledged).toEqual(["zero"]);
    client.send({ cmd: "puback", messageId: sent.messageId! }, { cmd: "pingreq" });
    await client.next("pingresp");
    expect(acknowledged).toEqual(["zero", "one"]);
  });

  it("sends PUBACK only when the service has taken the message", async () => {
    let take: () => void = () => undefined;
    const { client } = serve({ publish: () => new Promise<void>((resolve) => (take = resolve)) });
    client.send(connectPacket, { ...publish("t"), qos: 1, messageId: 3 }, { cmd: "pingreq" });
    await client.next("pingresp");
    expect(client.received.map((packet) => packet.cmd)).not.toContain("puback");
    take();
    expect(await client.next("puback")).toMatchObject({ messageId: 3 });
  });

  it("closes on a message of quality of service 2", async () => {
    const { client, closes } = serve({});
    client.send(connectPacket, { ...publish("t"), qos: 2, messageId: 3 });
    await client.untilClosed();
    expect(closes).toEqual(["protocol-error"]);
  });

  it("tells a goodbye from a lost connection", async () => {
    const polite = serve({});
    polite.client.send(connectPacket, { cmd: "disconnect" });
    await polite.client.untilClosed();
    expect(polite.closes).toEqual(["disconnect"]);
    const lost = serve({});
    lost.client.send(connectPacket);
    await lost.client.next("connack");
    lost.client.stream.destroy();
    await tick();
    await tick();
    expect(lost.closes).toEqual(["lost"]);
  });

  it("waits one and a half keepalives of silence, not longer", async () => {
    const clock = manualClock();
    const { client, closes, session } = serve({}, clock);
    client.send(connectPacket);
    await client.next("connack");
    clock.advance(14_999);
    client.send({ cmd: "pingreq" });
    await client.next("pingresp");
    clock.advance(14_999);
    expect(session.open).toBe(true);
    clock.advance(1);
    expect(closes).toEqual(["keepalive"]);
  });

  it("drops a client that never sends CONNECT, or sends it twice, or sends garbage", async () => {
    const clock = manualClock();
    const silent = serve({}, clock);
    clock.advance(30_000);
    expect(silent.session.open).toBe(false);
    const twice = serve({});
    twice.client.send(connectPacket, connectPacket);
    await twice.client.untilClosed();
    expect(twice.closes).toEqual(["protocol-error"]);
    const garbage = serve({});
    garbage.client.stream.write(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await garbage.client.untilClosed();
  });

  it("does not buffer a packet larger than the service could take", async () => {
    const { client } = serve({});
    client.send(connectPacket);
    await client.next("connack");
    const header = Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]);
    client.stream.write(Buffer.concat([header, Buffer.alloc(400 * 1024)]));
    await client.untilClosed();
  });

  it("closes only the one connection whose handler throws", async () => {
    const handlers: Partial<MqttHandlers> = {
      publish: (topic) => {
        if (topic === "bad") throw new Error("handler");
      },
    };
    const bad = serve(handlers);
    const good = serve(handlers);
    bad.client.send(connectPacket, publish("bad"));
    good.client.send(connectPacket, publish("good"), { cmd: "pingreq" });
    await bad.client.untilClosed();
    await good.client.next("pingresp");
    expect(good.session.open).toBe(true);
  });
});

describe("a topic filter", () => {
  it.each<[string, string, boolean]>([
    ["a/b", "a/b", true],
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["a/#", "ab", false],
    ["#", "a/b", true],
    ["#", "$iothub/x", false],
    ["+/x", "$iothub/x", false],
    ["a/+/c", "a/b/c", true],
    ["a/+", "a/b/c", false],
    ["$iothub/methods/POST/#", "$iothub/methods/POST/report/?$rid=1", true],
  ])("%s against %s is %s", (filter, topic, expected) => {
    expect(topicMatches(filter, topic)).toBe(expected);
  });
});

function publish(topic: string): Extract<Packet, { cmd: "publish" }> {
  return { cmd: "publish", topic, payload: "p", qos: 0, dup: false, retain: false };
}
