import { sleep } from "../clock";
import type { ConnackCode, MqttConnect, MqttHandlers, MqttSession } from "../mqtt/session";
import { authenticate, thumbprintsOf, type Thumbprints, type Verdict } from "./authentication";
import type { CloudToDevice } from "./cloud-to-device";
import type { HubCore } from "./core";
import { DeviceTopics } from "./device-topics";
import type { LiveSession } from "./sessions";
import type { MessageSink } from "./telemetry";

/** Microsoft docs, iot-mqtt-connect-to-iot-hub. */
const subscriptionsPerConnection = 5;

/** The device side of the hub: what MQTT clients may do. */
export function deviceHandlers(core: HubCore, sink: MessageSink, messages: CloudToDevice): MqttHandlers {
  const sessions = new WeakMap<MqttSession, LiveSession>();
  const wills = new WeakMap<MqttSession, MqttConnect["will"]>();
  const topics = new DeviceTopics(core, sink, messages);

  return {
    connect: async (connect, mqtt) => {
      const { code, session } = await admit(core, connect, mqtt);
      if (session) {
        sessions.set(mqtt, session);
        if (connect.will) wills.set(mqtt, connect.will);
        core.sessions.open(session);
      }
      return code;
    },
    subscribe: (filter, qos, mqtt) => {
      const session = sessions.get(mqtt);
      if (!session || !topics.maySubscribe(session, filter)) return 128;
      const present = mqtt.subscriptions();
      return present.includes(filter) || present.length < subscriptionsPerConnection ? qos : 128;
    },
    subscribed: (filters, mqtt) => {
      const session = sessions.get(mqtt);
      if (!session) return;
      core.sessions.activity(session);
      core.sessions.subscribed(session, filters);
      messages.deliver(session);
    },
    publish: async (topic, payload, _qos, retain, mqtt) => {
      const session = sessions.get(mqtt);
      if (!session) return;
      core.sessions.activity(session);
      await topics.received(session, topic, payload, retain);
    },
    close: (mqtt, reason) => {
      const session = sessions.get(mqtt);
      if (!session) return;
      const will = wills.get(mqtt);
      if (will && reason !== "disconnect") void topics.lastWill(session, will);
      core.sessions.closed(session, reason);
    },
  };
}

interface Admission {
  readonly code: ConnackCode;
  readonly session?: LiveSession;
}

async function admit(core: HubCore, connect: MqttConnect, mqtt: MqttSession): Promise<Admission> {
  const name = parseUsername(connect.username);
  const id = name?.deviceId ?? connect.clientId;
  for (const effect of core.faults.take("hub.device.connect", id)) {
    if (effect.kind === "latency") await sleep(core.clock, effect.ms);
    if (effect.kind === "hang") await new Promise(() => undefined);
    if (effect.kind === "status" && effect.status !== 401) return { code: 3 };
    if (effect.kind === "status") return { code: core.switches.connackRefused };
    if (effect.kind === "reply-lost") mqtt.end();
  }
  if (!core.quotas.allows("connections")) return { code: 3 };
  const der = mqtt.remote.certificateDer;
  const presented = der ? thumbprintsOf(der) : undefined;
  const verdict = judge(core, connect, mqtt, name, presented);
  core.log.add({
    at: core.clock.now(),
    deviceId: id,
    ...(name?.moduleId === undefined ? {} : { moduleId: name.moduleId }),
    ...(presented ? { sha256Thumbprint: presented.sha256, sha1Thumbprint: presented.sha1 } : {}),
    outcome: verdict.accepted ? "accepted" : "refused",
    reason: verdict.accepted ? "accepted" : verdict.reason,
  });
  if (!verdict.accepted) return { code: core.switches.connackRefused };
  const session: LiveSession = {
    deviceId: verdict.identity.deviceId,
    ...(verdict.identity.moduleId === undefined ? {} : { moduleId: verdict.identity.moduleId }),
    generationId: verdict.identity.generationId,
    authenticatedBy: verdict.by,
    ...(presented ? { sha256Thumbprint: presented.sha256, sha1Thumbprint: presented.sha1 } : {}),
    connectedAt: core.clock.now(),
    mqtt,
    active: false,
    answers: new Map(),
    onEnd: new Set(),
  };
  endAtExpiry(core, session, verdict);
  await core.faults.done({ operation: "hub.device.connect", subject: id, write: false });
  return mqtt.open ? { code: 0, session } : { code: 3 };
}

function judge(
  core: HubCore,
  connect: MqttConnect,
  mqtt: MqttSession,
  name: Username | undefined,
  presented: Thumbprints | undefined,
): Verdict {
  if (!name) return { accepted: false, reason: `The username '${connect.username}' is not valid` };
  const { hostName, deviceId, moduleId } = name;
  const clientId = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  if (connect.clientId !== clientId) return { accepted: false, reason: "The client id is not that of the username" };
  const bare = hostName.toLowerCase().replace(/:\d+$/, "");
  if (bare !== core.hostName && bare !== "localhost" && bare !== "127.0.0.1") {
    return { accepted: false, reason: `This is '${core.hostName}', not '${hostName}'` };
  }
  const claim = {
    deviceId,
    ...(moduleId === undefined ? {} : { moduleId }),
    remote: mqtt.remote,
    ...(connect.password ? { password: connect.password } : {}),
  };
  return authenticate(core, claim, presented);
}

/** A token's session ends with the token; a certificate's only if the switch says so. */
function endAtExpiry(core: HubCore, session: LiveSession, verdict: Extract<Verdict, { accepted: true }>): void {
  if (verdict.expiresAt === undefined) return;
  if (verdict.by === "x509" && !core.switches.dropSessionOnExpiry) return;
  const delay = Math.min(verdict.expiresAt - core.clock.now(), 2_000_000_000); // longer than a timer can wait
  session.onEnd.add(core.clock.after(delay, () => core.sessions.drop(session, "The credential has expired.")));
}

interface Username {
  readonly hostName: string;
  readonly deviceId: string;
  readonly moduleId?: string;
}

/** `{host}/{deviceId}[/{moduleId}][/?api-version=…]`; parameters nobody knows are ignored. */
function parseUsername(username: string): Username | undefined {
  const [path = ""] = username.split("/?");
  const [hostName, deviceId, moduleId, ...more] = path.split("/");
  if (!hostName || !deviceId || more.length > 0) return undefined;
  return { hostName, deviceId, ...(moduleId ? { moduleId } : {}) };
}
