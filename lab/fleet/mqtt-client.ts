import { MqttClient } from "mqtt";
import type { Duplex } from "node:stream";

/** The server's CONNACK said no; `code` is the return code of MQTT 3.1.1 §3.2.2.3 (5: not authorized). */
export class MqttRefused extends Error {
  override readonly name = "MqttRefused";
  constructor(readonly code: number) {
    super(`connection refused with CONNACK ${code}`);
  }
}

export interface MqttConnectOptions {
  readonly clientId: string;
  readonly username: string;
  readonly clean: boolean;
  /** Milliseconds until CONNACK. Default 10,000. */
  readonly timeoutMs?: number;
}

/** As the official device SDKs send it. */
const keepaliveSeconds = 180;
const defaultTimeoutMs = 10_000;

/** A connected MQTT 3.1.1 client that never reconnects by itself: when to try again is the agent's decision. */
export interface MqttConnection {
  readonly open: boolean;
  /** Resolves with the cause, once. */
  readonly closed: Promise<string>;
  subscribe(filter: string, qos: 0 | 1): Promise<void>;
  /** At QoS 1 it resolves at the PUBACK; it rejects when the connection ends before. */
  publish(topic: string, payload: string | Buffer, qos: 0 | 1): Promise<void>;
  onMessage(handler: (topic: string, payload: Buffer) => void): void;
  /** Pulls the plug: no DISCONNECT, nothing in flight is waited for. */
  end(): void;
}

/**
 * Connects over a stream that `dial` opens.
 * @throws MqttRefused when the server answers, and says no
 * @throws Error when there is no answer
 */
export function connectMqtt(dial: () => Duplex, options: MqttConnectOptions): Promise<MqttConnection> {
  let cause: string | undefined;
  const client = new MqttClient(
    () => {
      const stream = dial();
      stream.on("error", (error: Error) => (cause ??= error.message));
      return stream;
    },
    {
      protocolVersion: 4,
      clientId: options.clientId,
      username: options.username,
      clean: options.clean,
      keepalive: keepaliveSeconds,
      connectTimeout: options.timeoutMs ?? defaultTimeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
    },
  );
  client.setMaxListeners(0); // one "close" listener per message in flight
  const closed = new Promise<string>((resolve) => {
    client.once("close", () => resolve(cause ?? "the connection was closed"));
  });
  return new Promise((resolve, reject) => {
    client.on("error", (error) => {
      const code = "code" in error && typeof error.code === "number" ? error.code : undefined;
      if (code !== undefined && code >= 1 && code <= 5) reject(new MqttRefused(code));
      cause ??= error.message;
    });
    void closed.then((why) => reject(new Error(why)));
    client.once("connect", () => resolve(new Connection(client, closed)));
  });
}

class Connection implements MqttConnection {
  constructor(
    private readonly client: MqttClient,
    readonly closed: Promise<string>,
  ) {}

  get open(): boolean {
    return this.client.connected;
  }

  subscribe(filter: string, qos: 0 | 1): Promise<void> {
    return this.untilClosed((done) => {
      this.client.subscribe(filter, { qos }, (error, granted) => {
        const refused = granted?.some((grant) => grant.qos === 128) === true;
        done(error ?? (refused ? new Error(`the subscription to ${filter} was refused`) : undefined));
      });
    });
  }

  publish(topic: string, payload: string | Buffer, qos: 0 | 1): Promise<void> {
    return this.untilClosed((done) => {
      this.client.publish(topic, payload, { qos }, (error) => done(error));
    });
  }

  onMessage(handler: (topic: string, payload: Buffer) => void): void {
    this.client.on("message", handler);
  }

  end(): void {
    this.client.end(true);
  }

  /** mqtt.js would keep the operation for a reconnect that never comes; here it fails with the connection. */
  private untilClosed(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    if (!this.open) return Promise.reject(new Error("the connection is closed"));
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(new Error("the connection ended before the acknowledgement"));
      this.client.once("close", lost);
      start((error) => {
        this.client.off("close", lost);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
