import { app } from "@azure/functions";
import type { createReadPlan } from "../../shared/use-cases/read-plan";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { reading } from "./rolls";

/** `GET /api/rolls/{rollId}/plan`: what a roll will do, and the hash that an approval signs. */
export function registerPlanView(gate: Gate, readPlan: ReturnType<typeof createReadPlan>): void {
  app.http("getPlan", {
    ...endpoint("getPlan"),
    authLevel: gate.authLevel,
    handler: (request, context) => reading(gate, request, context, ({ params }) => readPlan(params["rollId"] ?? "")),
  });
}
