import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { LabServices } from "../../lab/scenarios/lab-services";

/** Calls of the services, by service, method, kind of path and status: `dps GET /enrollments/* 200`. */
export interface RequestCounter {
  counts(): ReadonlyMap<string, number>;
  stop(): void;
}

/** Node tells every HTTP server of the process on this channel. */
const CHANNEL = "http.server.response.finish";

/** From now on, until stopped. */
export function countRequests({ dps, hubs }: Pick<LabServices, "dps" | "hubs">): RequestCounter {
  const counts = new Map<string, number>();
  const names = new Map([
    [dps.servicePort, "dps"],
    ...hubs.map(({ servicePort }): [number, string] => [servicePort, "hub"]),
  ]);
  const listener = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }; // as Node documents it
    const name = names.get(request.socket.localPort ?? 0);
    if (name === undefined) return;
    const what = `${name} ${request.method ?? ""} ${kindOf(request.url ?? "")} ${response.statusCode}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  subscribe(CHANNEL, listener);
  return {
    counts: () => new Map(counts),
    stop: () => {
      unsubscribe(CHANNEL, listener);
    },
  };
}

/** The path with `*` for the name in it: `/devices/pump-1/modules` is `/devices/*` + `/modules`. */
function kindOf(url: string): string {
  const [path = ""] = url.split("?");
  return path.replace(/^(\/[^/]+)\/[^/]+/, "$1/*");
}
