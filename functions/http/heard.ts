import { app } from "@azure/functions";
import type { ReadHeard } from "../../shared/use-cases/read-heard";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { reading } from "./rolls";

/** `GET /api/devices/late?after=<moment>` and `GET /api/heartbeats/sources`. */
export function registerHeard(gate: Gate, read: ReadHeard): void {
  const { authLevel } = gate;
  app.http("listLateDevices", {
    ...endpoint("listLateDevices"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) =>
        read.late({ before: query.get("after"), limit: query.get("limit"), after: query.get("cursor") }),
      ),
  });
  app.http("listHeartbeatSources", {
    ...endpoint("listHeartbeatSources"),
    authLevel,
    handler: (request, context) => reading(gate, request, context, () => read.sources()),
  });
}
