import { createHmac } from "node:crypto";
import { cloudEvent, exported, gridEvent, incident, monitor, securityAlert } from "../unit/use-cases/alert-samples";
import { SECRET, type DayApp } from "./day-app";

/** A way by which alerts come in, and one that comes by it about this device. */
export interface AlertWay {
  readonly name: string;
  /** Sends it. Answers the roll that the sender was told of, where senders are told. */
  readonly send: (day: DayApp, deviceId: string) => Promise<string | undefined>;
  /** The path at which something else than an alert is refused. */
  readonly path?: string;
}

/** The documented sample, about another device. */
function about(sample: object, deviceId: string): string {
  return JSON.stringify(sample).replaceAll("pump-1", deviceId);
}

function over(path: string, sample: object): AlertWay {
  return {
    name: path,
    path,
    send: async (day, deviceId) => {
      const headers = { "content-type": "application/json" };
      const { status, body } = await day.ask(path, { method: "POST", headers, body: about(sample, deviceId) });
      if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
      return /"rollId":"([^"]+)"/.exec(JSON.stringify(body))?.[1];
    },
  };
}

/** A breach of one device in the app's own shape, with its new leaf. */
export function signedAlert(day: DayApp, deviceId: string, chainPem: string): RequestInit {
  const body = JSON.stringify({
    ...{ version: "1", id: "IR-1", source: "soc", type: "breach", severity: "critical", reason: "key on a paste site" },
    scope: {
      kind: "devices",
      devices: [{ registrationId: deviceId, selfHeals: true, replacement: { chainPem } }],
    },
  });
  const timestamp = String(Math.floor(day.clock.now() / 1_000));
  const signature = createHmac("sha256", SECRET).update(`${timestamp}.${body}`).digest("hex");
  const headers = { "x-roll-timestamp": timestamp, "x-roll-signature": `sha256=${signature}` };
  return { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
}

/** Every shape and every way of the foreign senders. */
export const FOREIGN_WAYS: readonly AlertWay[] = [
  over("alerts/eventgrid", [gridEvent()]),
  over("alerts/cloudevents", cloudEvent()),
  over("alerts/monitor", monitor()),
  over("alerts/defender", securityAlert()),
  over("alerts/sentinel", incident()),
  {
    name: "Event Grid's own trigger",
    send: async (day, deviceId) => {
      const event = JSON.parse(about(gridEvent({ id: "g-2" }), deviceId)) as object;
      const status = await day.grid("gridAlerts", [event]);
      if (status >= 300) throw new Error(`the trigger answered ${status}`);
      return undefined;
    },
  },
  {
    name: "Defender's export to an event hub",
    send: async (day, deviceId) => {
      const body = Buffer.from(about(exported(), deviceId));
      day.exported.send("0", "ignored", { body, properties: {}, systemProperties: {} });
      await day.exported.deliver();
      return undefined;
    },
  },
];
