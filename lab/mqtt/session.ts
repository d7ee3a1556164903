import { generate, parser, type IConnectPacket, type ISubscribePacket, type Packet } from "mqtt-packet";
import type { Duplex } from "node:stream";
import { realClock, type LabClock } from "../clock";
import { topicMatches } from "./topics";

/** What a client said in CONNECT. */
export interface MqttConnect {
  readonly clientId: string;
  /** Empty when the client sent none. */
  readonly username: string;
  readonly password?: Buffer;
  readonly clean: boolean;
  /** 0: the client asked for no keepalive. */
  readonly keepaliveSeconds: number;
  readonly will?: {
    readonly topic: string;
    readonly payload: Buffer;
    readonly qos: 0 | 1 | 2;
    readonly retain: boolean;
  };
}

/** Who is at the other end of the stream, as TLS saw it. */
export interface MqttRemote {
  readonly certificateDer?: Buffer;
  /** DER, leaf first, as presented; empty when the client presented nothing. */
  readonly chain: readonly Buffer[];
  readonly servername?: string;
}

/** CONNACK return codes of MQTT 3.1.1 §3.2.2.3; 0 accepts, 5 is "not authorized". */
export type ConnackCode = 0 | 1 | 2 | 3 | 4 | 5;

/** `disconnect`: the client said goodbye; `ended`: the server closed it; the rest: the connection was lost. */
export type CloseReason = "disconnect" | "ended" | "keepalive" | "protocol-error" | "lost";

/** One client on one stream, from CONNECT to the end of the stream. */
export interface MqttSession {
  readonly remote: MqttRemote;
  /** False from the moment that either side closed. */
  readonly open: boolean;
  /**
   * Sends a message if a subscription covers the topic, else does nothing. At quality of service 1 (never higher than
   * what was granted) `acknowledged` is called at the client's PUBACK; at 0 at once. Answers whether it was sent.
   */
  publish(topic: string, payload: string | Buffer, qos?: 0 | 1, acknowledged?: () => void): boolean;
  isSubscribed(topic: string): boolean;
  /** The filters now subscribed, in the order they came. */
  subscriptions(): string[];
  /** Closes the socket at once, without a packet: MQTT 3.1.1 has no DISCONNECT from the server. */
  end(): void;
}

/** What a service does with its clients. A handler that throws or rejects closes that one connection. */
export interface MqttHandlers {
  /** Decides the CONNACK; a rejection answers 3 (server unavailable). Nothing else is read from the client meanwhile. */
  connect(connect: MqttConnect, session: MqttSession): ConnackCode | Promise<ConnackCode>;
  /** Decides one filter of a SUBSCRIBE (128 refuses it); default: grants what is asked. 2 is offered as 1. */
  subscribe?(filter: string, qos: 0 | 1, session: MqttSession): 0 | 1 | 128;
  /** Called after SUBACK went out, once per packet: what waited for a subscription may be sent now. */
  subscribed?(filters: readonly string[], session: MqttSession): void;
  unsubscribed?(filters: readonly string[], session: MqttSession): void;
  /** A message from the client; the PUBACK of quality of service 1 goes out once the result resolves. */
  publish(topic: string, payload: Buffer, qos: 0 | 1, retain: boolean, session: MqttSession): void | Promise<void>;
  /** Called once for every session whose CONNECT was accepted. */
  close?(session: MqttSession, reason: CloseReason): void;
}

/** What a client may have unread: above the 256 KB that IoT Hub takes as one message, below what could hurt the lab. */
const maximumBufferedBytes = 320 * 1024;
/** How long a new connection may stay silent before CONNECT. */
const connectTimeoutMs = 30_000;
/** Microsoft docs, iot-mqtt-connect-to-iot-hub: the server waits 1.5 keepalives, at most 29.45 minutes. */
const maximumSilenceMs = 1_767_000;

/**
 * Speaks MQTT 3.1.1 as a server on a stream (a TLS socket, or one half of an in-memory pair). Never throws and never
 * emits: whatever is wrong with the stream or the packets ends that session only.
 */
export function serveMqtt(
  stream: Duplex,
  remote: MqttRemote,
  handlers: MqttHandlers,
  clock: LabClock = realClock,
): MqttSession {
  return new ServerSession(stream, remote, handlers, clock);
}

class ServerSession implements MqttSession {
  open = true;
  private state: "new" | "connecting" | "connected" = "new";
  private readonly waiting: Packet[] = [];
  private readonly granted = new Map<string, 0 | 1>();
  private readonly unacknowledged = new Map<number, () => void>();
  private nextMessageId = 1;
  private lastHeardAt: number;
  private cancelTimer: () => void;

  constructor(
    private readonly stream: Duplex,
    readonly remote: MqttRemote,
    private readonly handlers: MqttHandlers,
    private readonly clock: LabClock,
  ) {
    this.lastHeardAt = clock.now();
    this.cancelTimer = clock.after(connectTimeoutMs, () => this.close("keepalive"));
    const packets = parser();
    packets.on("packet", (packet: Packet) => this.receive(packet));
    packets.on("error", () => this.close("protocol-error"));
    stream.on("data", (chunk: Buffer) => {
      if (!this.open) return;
      try {
        if (packets.parse(chunk) > maximumBufferedBytes) this.close("protocol-error");
      } catch {
        this.close("protocol-error"); // the parser reads past the end of some malformed packets
      }
    });
    stream.on("error", () => this.close("lost"));
    stream.on("end", () => this.close("lost"));
    stream.on("close", () => this.close("lost"));
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1 = 0, acknowledged?: () => void): boolean {
    if (!this.open) return false;
    const granted = this.grantedQos(topic);
    if (granted === undefined) return false;
    if (qos === 0 || granted === 0) {
      this.send({ cmd: "publish", topic, payload, qos: 0, dup: false, retain: false });
      acknowledged?.();
      return true;
    }
    const messageId = this.freeMessageId();
    this.unacknowledged.set(messageId, acknowledged ?? (() => undefined));
    this.send({ cmd: "publish", topic, payload, qos: 1, dup: false, retain: false, messageId });
    return true;
  }

  isSubscribed(topic: string): boolean {
    return this.grantedQos(topic) !== undefined;
  }

  subscriptions(): string[] {
    return [...this.granted.keys()];
  }

  end(): void {
    this.close("ended");
  }

  private receive(packet: Packet): void {
    if (!this.open) return;
    this.lastHeardAt = this.clock.now();
    if (this.state === "connecting") {
      this.waiting.push(packet); // a client may send on without waiting for its CONNACK (MQTT 3.1.1 §3.1.4)
      if (this.waiting.length > 1_000) this.close("protocol-error");
      return;
    }
    if ((packet.cmd === "connect") !== (this.state === "new")) {
      this.close("protocol-error");
      return;
    }
    switch (packet.cmd) {
      case "connect":
        void this.connect(packet);
        return;
      case "publish":
        if (packet.qos === 2) this.close("protocol-error");
        else void this.incoming(packet.topic, packet.payload, packet.qos, packet.retain, packet.messageId);
        return;
      case "puback":
        this.acknowledge(packet.messageId);
        return;
      case "subscribe":
        this.subscribe(packet);
        return;
      case "unsubscribe":
        for (const filter of packet.unsubscriptions) this.granted.delete(filter);
        this.send({ cmd: "unsuback", messageId: packet.messageId ?? 0, granted: [] });
        this.guarded(() => this.handlers.unsubscribed?.(packet.unsubscriptions, this));
        return;
      case "pingreq":
        this.send({ cmd: "pingresp" });
        return;
      case "disconnect":
        this.close("disconnect");
        return;
      default:
        this.close("protocol-error");
    }
  }

  private async connect(packet: IConnectPacket): Promise<void> {
    this.state = "connecting";
    this.cancelTimer();
    if (packet.protocolVersion !== 4) {
      this.refuse(1);
      return;
    }
    const connect = connectOf(packet);
    const code = await this.decide(connect);
    if (!this.open) return;
    if (code !== 0) {
      this.refuse(code);
      return;
    }
    this.state = "connected";
    this.send({ cmd: "connack", returnCode: 0, sessionPresent: false });
    if (connect.keepaliveSeconds > 0) this.watch(Math.min(connect.keepaliveSeconds * 1_500, maximumSilenceMs));
    for (const next of this.waiting.splice(0)) this.receive(next);
  }

  private async decide(connect: MqttConnect): Promise<ConnackCode> {
    try {
      return await this.handlers.connect(connect, this);
    } catch {
      return 3;
    }
  }

  private async incoming(topic: string, payload: string | Buffer, qos: 0 | 1, retain: boolean, id?: number) {
    try {
      await this.handlers.publish(topic, Buffer.from(payload), qos, retain, this);
      if (qos === 1 && id !== undefined) this.send({ cmd: "puback", messageId: id });
    } catch {
      this.close("ended");
    }
  }

  private subscribe(packet: ISubscribePacket): void {
    const accepted: string[] = [];
    const codes = packet.subscriptions.map(({ topic, qos }) => {
      const asked = qos === 0 ? 0 : 1;
      const code = this.guarded(() => this.handlers.subscribe?.(topic, asked, this) ?? asked) ?? 128;
      if (code === 128) return code;
      this.granted.set(topic, code);
      accepted.push(topic);
      return code;
    });
    this.send({ cmd: "suback", messageId: packet.messageId ?? 0, granted: codes });
    if (accepted.length > 0) this.guarded(() => this.handlers.subscribed?.(accepted, this));
  }

  private acknowledge(messageId: number | undefined): void {
    const acknowledged = this.unacknowledged.get(messageId ?? 0);
    this.unacknowledged.delete(messageId ?? 0);
    if (acknowledged) this.guarded(acknowledged);
  }

  private guarded<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch {
      this.close("ended");
      return undefined;
    }
  }

  private grantedQos(topic: string): 0 | 1 | undefined {
    let highest: 0 | 1 | undefined;
    for (const [filter, qos] of this.granted) {
      if (topicMatches(filter, topic)) highest = highest === 1 ? 1 : qos;
    }
    return highest;
  }

  private freeMessageId(): number {
    while (this.unacknowledged.has(this.nextMessageId)) this.nextMessageId = (this.nextMessageId % 65_535) + 1;
    const id = this.nextMessageId;
    this.nextMessageId = (id % 65_535) + 1;
    return id;
  }

  private watch(limitMs: number): void {
    const silentMs = this.clock.now() - this.lastHeardAt;
    if (silentMs >= limitMs) {
      this.close("keepalive");
      return;
    }
    this.cancelTimer = this.clock.after(limitMs - silentMs, () => this.watch(limitMs));
  }

  private send(packet: Packet): void {
    if (!this.open || this.stream.destroyed) return;
    this.stream.write(generate(packet));
  }

  /** The CONNACK must still arrive, so this closes after it was flushed and drops a client that does not hang up. */
  private refuse(returnCode: ConnackCode): void {
    if (!this.open) return;
    this.open = false;
    const giveUp = setTimeout(() => this.stream.destroy(), 1_000);
    giveUp.unref();
    this.stream.once("close", () => clearTimeout(giveUp));
    this.stream.end(generate({ cmd: "connack", returnCode, sessionPresent: false }));
    this.stream.resume();
  }

  private close(reason: CloseReason): void {
    if (!this.open) return;
    this.open = false;
    this.cancelTimer();
    this.unacknowledged.clear();
    this.stream.destroy();
    if (this.state !== "connected") return;
    try {
      this.handlers.close?.(this, reason);
    } catch {
      // the session is gone; what the handler could not tidy up is its own loss
    }
  }
}

function connectOf(packet: IConnectPacket): MqttConnect {
  const { will } = packet;
  return {
    clientId: packet.clientId,
    username: packet.username ?? "",
    ...(packet.password ? { password: packet.password } : {}),
    clean: packet.clean ?? false,
    keepaliveSeconds: packet.keepalive ?? 0,
    ...(will
      ? {
          will: {
            topic: will.topic,
            payload: Buffer.from(will.payload),
            qos: will.qos ?? 0,
            retain: will.retain ?? false,
          },
        }
      : {}),
  };
}
