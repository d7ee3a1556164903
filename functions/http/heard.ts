import { app } from "@azure/functions";
import type { ReadHeard } from "../../shared/use-cases/read-heard";
import type { Gate } from "./gate";
import { reading } from "./rolls";

/** `GET /api/devices/late?after=<moment>` and `GET /api/heartbeats/sources`. */
export function registerHeard(gate: Gate, read: ReadHeard): void {
  const { authLevel } = gate;
  app.http("listLateDevices", {
    methods: ["GET"],
    authLevel,
    route: "devices/late",
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) =>
        read.late({ before: query.get("after"), limit: query.get("limit"), after: query.get("cursor") }),
      ),
  });
  app.http("listHeartbeatSources", {
    methods: ["GET"],
    authLevel,
    route: "heartbeats/sources",
    handler: (request, context) => reading(gate, request, context, () => read.sources()),
  });
}
