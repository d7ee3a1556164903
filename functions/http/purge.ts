import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { PURGE_INSTANCE, purgeFinished } from "../../shared/contract/purge";
import { isProblem } from "../../shared/domain/outcome";
import type { PurgeStarter } from "../../shared/ports/roll-archive";
import type { Purge } from "../../shared/use-cases/purge";
import { startSingle } from "../single-instance";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { guarded, jsonResponse, problemResponse } from "./problem";

/** Daily, and at once by `POST /api/rolls/purge`: what finished rolls have left behind goes when its time is over. */
export function registerPurge(gate: Gate, purge: Purge): void {
  app.timer("purgeRollsDaily", {
    schedule: "0 41 2 * * *",
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      const began = await purge.bySchedule(purgeStarter(context));
      if (began !== undefined) context.log(`purge ${began}`);
    },
  });
  app.http("purgeRollsNow", {
    ...endpoint("purgeRollsNow"),
    authLevel: gate.authLevel,
    extraInputs: [df.input.durableClient()],
    handler: (request, context) => guarded(context, () => order(gate, purge, request, context)),
  });
}

async function order(
  gate: Gate,
  purge: Purge,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "approver");
  if ("outcome" in by) return problemResponse(by);
  const answer = await purge.byOrder(new Uint8Array(await request.arrayBuffer()), purgeStarter(context));
  if (isProblem(answer)) return problemResponse(answer);
  context.log(`purge ${answer.purge}, asked for by ${by.id}`);
  return jsonResponse(answer.purge === "started" ? 202 : 200, answer);
}

function purgeStarter(context: InvocationContext): PurgeStarter {
  return {
    start: async (before) => {
      const input = { ...before, purged: 0 };
      return (await startSingle(context, { name: purgeFinished.name, instanceId: PURGE_INSTANCE, input })).outcome;
    },
  };
}
