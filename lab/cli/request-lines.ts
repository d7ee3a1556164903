import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { LabServices } from "../scenarios/lab-services";

/**
 * Prints a line per HTTPS request answered, per connection or registration that a device tried, and per message that a
 * device sent: `10:00:00.000 lab-hub PUT /devices/pump-001 200 3 ms`. Bodies, queries, tokens and keys are not shown.
 * The result stops it.
 */
export function printRequests(services: LabServices, print: (line: string) => void): () => void {
  const say = (who: string, what: string): void => {
    print(`${new Date().toISOString().slice(11, 23)} ${who} ${what}`);
  };
  const names = new Map([
    [services.dps.servicePort, "dps"],
    ...services.hubs.map(({ servicePort, eventHubName }): [number, string] => [servicePort, eventHubName]),
  ]);
  const begun = new WeakMap<IncomingMessage, number>();
  const stops = [
    // Node tells every HTTP server of the process here, so the services need not know of being watched.
    listenTo("http.server.request.start", ({ request }) => begun.set(request, Date.now())),
    listenTo("http.server.response.finish", ({ request, response }) => {
      const name = names.get(request.socket.localPort ?? 0);
      if (name === undefined) return;
      const [path = ""] = (request.url ?? "").split("?");
      const took = Date.now() - (begun.get(request) ?? Date.now());
      say(name, `${request.method ?? ""} ${decoded(path)} ${response.statusCode} ${took} ms`);
    }),
    services.dps.store.attempts.onAttempt(({ registrationId, outcome, status, reason }) => {
      say("dps", `register ${registrationId} ${outcome} ${status}${reason === undefined ? "" : `: ${reason}`}`);
    }),
  ];
  let listening = true;
  for (const hub of services.hubs) {
    stops.push(
      hub.log.onAttempt(({ deviceId, outcome, reason }) => {
        say(hub.eventHubName, `connect ${deviceId} ${outcome}${outcome === "accepted" ? "" : `: ${reason}`}`);
      }),
    );
    hub.router.tap((source, { body, annotations }) => {
      if (!listening || source !== "DeviceMessages") return;
      const device = String(annotations?.["iothub-connection-device-id"] ?? "");
      say(hub.eventHubName, `message ${device} ${body.length} bytes`);
    });
  }
  return () => {
    listening = false;
    for (const stop of stops) stop();
  };
}

interface HttpEvent {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

function listenTo(channel: string, action: (event: HttpEvent) => void): () => void {
  const listener = (message: unknown): void => {
    action(message as HttpEvent); // the form that Node documents for these channels
  };
  subscribe(channel, listener);
  return () => unsubscribe(channel, listener);
}

function decoded(path: string): string {
  try {
    // What a client put there must not draw on the terminal.
    return decodeURI(path).replace(/\p{Cc}/gu, "?");
  } catch {
    return path;
  }
}
