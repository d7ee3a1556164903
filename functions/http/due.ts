import { app } from "@azure/functions";
import type { createReadDue } from "../../shared/use-cases/read-due";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { reading } from "./rolls";

/** `GET /api/due`: what will happen by itself, and when. */
export function registerDueList(gate: Gate, readDue: ReturnType<typeof createReadDue>): void {
  app.http("readDue", {
    ...endpoint("readDue"),
    authLevel: gate.authLevel,
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) => readDue({ limit: query.get("limit"), after: query.get("after") })),
  });
}
