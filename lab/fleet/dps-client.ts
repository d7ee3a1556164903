import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { LabClock } from "../clock";
import { sleep } from "../clock";
import type { DeviceCredential } from "./credential";
import type { Dialer } from "./dialer";
import { connectMqtt, MqttRefused } from "./mqtt-client";
import type { MqttConnection } from "./mqtt-client";
import { messageOf } from "./transport";
import type { RegistrationOutcome } from "./transport";

export interface DpsClientOptions {
  readonly dial: Dialer;
  readonly hostName: string;
  readonly idScope: string;
  readonly clock: LabClock;
  /** Milliseconds to wait for each answer. */
  readonly timeoutMs: number;
}

/** What DPS publishes on `$dps/registrations/res/{status}/?$rid={rid}&retry-after={seconds}`. */
interface DpsAnswer {
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly body: z.infer<typeof dpsBody>;
}

interface Waiter {
  resolve(answer: DpsAnswer): void;
  reject(error: Error): void;
}

const dpsBody = z.object({
  operationId: z.string().optional(),
  status: z.string().optional(),
  errorCode: z.number().optional(),
  message: z.string().optional(),
  registrationState: z
    .object({
      assignedHub: z.string().optional(),
      deviceId: z.string().optional(),
      errorCode: z.number().optional(),
      errorMessage: z.string().nullable().optional(),
    })
    .optional(),
});

/** Microsoft docs, iot-mqtt-connect-to-iot-dps: where the service does not say, devices poll every two seconds. */
const defaultPollMs = 2_000;

/** A connection to DPS on which a registration can be asked for, again and again if need be. */
export class DpsConnection {
  private readonly waiting = new Map<string, Waiter>();

  private constructor(
    private readonly mqtt: MqttConnection,
    private readonly registrationId: string,
    private readonly options: DpsClientOptions,
  ) {
    mqtt.onMessage((topic, payload) => this.hear(topic, payload));
    void mqtt.closed.then((why) => {
      for (const waiter of this.waiting.values()) waiter.reject(new Error(`DPS ended the connection: ${why}`));
    });
  }

  /** @throws MqttRefused, Error as `connectMqtt` */
  static async open(
    registrationId: string,
    credential: DeviceCredential,
    options: DpsClientOptions,
  ): Promise<DpsConnection> {
    const mqtt = await connectMqtt(() => options.dial(options.hostName, credential), {
      clientId: registrationId,
      username: `${options.idScope}/registrations/${registrationId}/api-version=2019-03-31&ClientVersion=rollcall-fleet`,
      clean: true,
      timeoutMs: options.timeoutMs,
    });
    const connection = new DpsConnection(mqtt, registrationId, options);
    await mqtt.subscribe("$dps/registrations/res/#", 1);
    return connection;
  }

  get open(): boolean {
    return this.mqtt.open;
  }

  /** One registration, polled until DPS has decided. @throws Error when the connection or the patience ends before. */
  async register(): Promise<RegistrationOutcome> {
    let answer = await this.ask("PUT/iotdps-register/", "", JSON.stringify({ registrationId: this.registrationId }));
    while (answer.status === 202) {
      await sleep(this.options.clock, answer.retryAfterMs ?? defaultPollMs);
      const operation = `&operationId=${answer.body.operationId ?? ""}`;
      // The payload of a poll is one space: Microsoft docs, iot-mqtt-connect-to-iot-dps, "Polling for registration".
      answer = await this.ask("GET/iotdps-get-operationstatus/", operation, " ");
    }
    return outcomeOf(answer);
  }

  close(): void {
    this.mqtt.end();
  }

  private async ask(path: string, query: string, payload: string): Promise<DpsAnswer> {
    const rid = randomUUID();
    let cancel = (): void => undefined;
    const answer = new Promise<DpsAnswer>((resolve, reject) => {
      this.waiting.set(rid, { resolve, reject });
      cancel = this.options.clock.after(this.options.timeoutMs, () => reject(new Error("DPS did not answer in time")));
    });
    try {
      const published = this.mqtt.publish(`$dps/registrations/${path}?$rid=${rid}${query}`, payload, 1);
      return await Promise.race([answer, published.then(() => answer)]);
    } finally {
      cancel();
      this.waiting.delete(rid);
    }
  }

  private hear(topic: string, payload: Buffer): void {
    const parts = /^\$dps\/registrations\/res\/(\d+)\/\?(.*)$/.exec(topic);
    if (parts === null) return;
    const query = new URLSearchParams(parts[2]);
    const retryAfter = Number(query.get("retry-after") ?? Number.NaN);
    this.waiting.get(query.get("$rid") ?? "")?.resolve({
      status: Number(parts[1]),
      ...(Number.isNaN(retryAfter) ? {} : { retryAfterMs: retryAfter * 1_000 }),
      body: readBody(payload),
    });
  }
}

/** One registration over a connection of its own; never rejects. */
export async function registerOnce(
  registrationId: string,
  credential: DeviceCredential,
  options: DpsClientOptions,
): Promise<RegistrationOutcome> {
  let connection: DpsConnection | undefined;
  try {
    connection = await DpsConnection.open(registrationId, credential, options);
    return await connection.register();
  } catch (error) {
    const reason = error instanceof MqttRefused ? `CONNACK ${error.code}` : `unreachable: ${messageOf(error)}`;
    return { status: "refused", reason };
  } finally {
    connection?.close();
  }
}

function readBody(payload: Buffer): DpsAnswer["body"] {
  try {
    const read = dpsBody.safeParse(JSON.parse(payload.toString()));
    return read.success ? read.data : {};
  } catch {
    return {};
  }
}

function outcomeOf({ status, body, retryAfterMs }: DpsAnswer): RegistrationOutcome {
  const { assignedHub, deviceId, errorCode, errorMessage } = body.registrationState ?? {};
  if (status === 200 && body.status === "assigned" && assignedHub !== undefined && deviceId !== undefined) {
    return { status: "assigned", hubHostName: assignedHub, deviceId };
  }
  const words = [
    status === 200 ? (body.status ?? "unreadable") : String(status),
    body.errorCode ?? errorCode ?? "",
    body.message ?? errorMessage ?? "",
  ];
  return {
    status: "refused",
    reason: words.filter((word) => word !== "" && word !== 0).join(" "),
    ...(status >= 429 && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  };
}
