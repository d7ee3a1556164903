import { app } from "@azure/functions";
import * as df from "durable-functions";
import { isProblem } from "../../shared/domain/outcome";
import type { ReadHeard } from "../../shared/use-cases/read-heard";
import type { createStartCatchUp } from "../../shared/use-cases/start-catch-up";
import { catchUpStarter } from "../catch-up-starter";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { reading } from "./rolls";

/** `GET /api/devices/late?after=<moment>`, `GET /api/heartbeats/sources` and `POST /api/heartbeats/catch-up`. */
export function registerHeard(gate: Gate, read: ReadHeard, catchUp: ReturnType<typeof createStartCatchUp>): void {
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
  app.http("catchUpHeartbeats", {
    ...endpoint("catchUpHeartbeats"),
    authLevel,
    extraInputs: [df.input.durableClient()],
    handler: (request, context) =>
      guarded(context, async () => {
        const by = await gate.admit(request, "operator");
        if ("outcome" in by) return problemResponse(by);
        const answer = await catchUp(new Uint8Array(await request.arrayBuffer()), catchUpStarter(context));
        if (isProblem(answer)) return problemResponse(answer);
        context.log(`catch-up ${answer.outcome}, asked for by ${by.id}`);
        return jsonResponse(answer.outcome === "started" ? 202 : 200, answer, {
          location: answer.statusUrl,
          "retry-after": "5",
        });
      }),
  });
}
