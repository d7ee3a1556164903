import type { ConnackCode, MqttHandlers, MqttSession } from "../mqtt/session";
import type { DpsContext } from "./context";
import { readRegistration } from "./device-https";
import { keyOf } from "./entries";
import { dpsErrors, DpsError, errorBody } from "./errors";
import { underFaults } from "./fault-effects";
import type { OperationAnswer, Registrar } from "./registration";

const answers = "$dps/registrations/res/";

/**
 * The device API over MQTT (Microsoft docs, iot-mqtt-connect-to-iot-dps): one session speaks for the registration id of
 * its user name; answers go to the topic with the request's `$rid`.
 */
export function deviceMqtt(context: DpsContext, registrar: Registrar): MqttHandlers {
  const registrationIds = new WeakMap<MqttSession, string>();

  const respond = async (session: MqttSession, id: string, topic: string, payload: Buffer): Promise<void> => {
    const request = readTopic(topic);
    if (!request) {
      session.end();
      return;
    }
    const { requestId } = request;
    try {
      const outcome = await underFaults(
        {
          name: request.kind === "register" ? "dps.device.register" : "dps.device.poll",
          subject: id,
          write: request.kind === "register",
          run: (commit): OperationAnswer => {
            if (request.kind === "poll") {
              context.quotas.poll(id);
              return registrar.poll(id, request.operationId, session.remote.chain);
            }
            context.quotas.registration();
            return registrar.register(id, session.remote.chain, readRegistration(payload, id), commit);
          },
        },
        context,
      );
      if (outcome.reply === "lost") session.end();
      if (outcome.reply !== "sent") return;
      const { status, body } = outcome.answer;
      publish(session, status, requestId, body, status === 202 ? context.switches.retryAfterSeconds : undefined);
    } catch (error) {
      const known = error instanceof DpsError ? error : dpsErrors.internal();
      publish(session, known.status, requestId, errorBody(known, context.clock.now()), known.retryAfterSeconds);
    }
  };

  return {
    connect: async ({ clientId, username }, session): Promise<ConnackCode> => {
      const id = registrationIdOf(username, context.idScope);
      if (id === undefined || keyOf(clientId) !== keyOf(id)) return 5;
      try {
        const outcome = await underFaults(
          { name: "dps.device.connect", subject: id, write: false, run: () => admit(context, registrar, id, session) },
          context,
        );
        if (outcome.reply === "never") await new Promise(() => undefined);
        if (outcome.reply !== "sent") {
          session.end();
          return 3;
        }
        if (outcome.answer === 0) registrationIds.set(session, id);
        return outcome.answer;
      } catch (error) {
        return error instanceof DpsError && error.status === 401 ? 5 : 3;
      }
    },
    subscribe: (filter, qos) => (filter.startsWith(answers) ? qos : 128),
    publish: (topic, payload, _qos, _retain, session) => {
      const id = registrationIds.get(session);
      // Not awaited: a request that hangs or is slow still gets its PUBACK.
      if (id !== undefined) void respond(session, id, topic, payload);
    },
  };
}

/** What is wrong with the certificate itself is told at CONNECT, the rest as the answer to the registration. */
function admit(context: DpsContext, registrar: Registrar, id: string, session: MqttSession): ConnackCode {
  const verdict = registrar.judge(id, session.remote.chain);
  if (verdict.kind !== "refused" || !verdict.invalidCertificate) return 0;
  // Without any certificate there is nothing to answer to later.
  if (verdict.leaf && context.switches.mqttInvalidCertificate === "res-401") return 0;
  registrar.refusedAtConnect(id, verdict);
  return 5;
}

/** `{idScope}/registrations/{id}/api-version=…&ClientVersion=…`; parameters nobody knows do not matter. */
function registrationIdOf(username: string, idScope: string): string | undefined {
  const [scope, collection, id, parameters, ...more] = username.split("/");
  if (scope !== idScope || collection !== "registrations" || !id || more.length > 0) return undefined;
  return new URLSearchParams(parameters).has("api-version") ? id : undefined;
}

type TopicRequest =
  | { readonly kind: "register"; readonly requestId: string }
  | { readonly kind: "poll"; readonly requestId: string; readonly operationId: string };

function readTopic(topic: string): TopicRequest | undefined {
  const [path, parameters] = topic.split("/?", 2);
  const query = new URLSearchParams(parameters);
  const requestId = /(?:^|&)\$rid=([^&]*)/.exec(parameters ?? "")?.[1] ?? "";
  switch (path) {
    case "$dps/registrations/PUT/iotdps-register":
      return { kind: "register", requestId };
    case "$dps/registrations/GET/iotdps-get-operationstatus":
      return { kind: "poll", requestId, operationId: query.get("operationId") ?? "" };
    default:
      return undefined;
  }
}

function publish(
  session: MqttSession,
  status: number,
  requestId: string,
  body: unknown,
  retryAfterSeconds: number | undefined,
): void {
  const retryAfter = retryAfterSeconds === undefined ? "" : `&retry-after=${retryAfterSeconds}`;
  session.publish(`${answers}${status}/?$rid=${requestId}${retryAfter}`, JSON.stringify(body), 1);
}
