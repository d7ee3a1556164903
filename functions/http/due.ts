import { app } from "@azure/functions";
import type { createReadDue } from "../../shared/use-cases/read-due";
import type { Gate } from "./gate";
import { reading } from "./rolls";

/** `GET /api/due`: what will happen by itself, and when. */
export function registerDueList(gate: Gate, readDue: ReturnType<typeof createReadDue>): void {
  app.http("readDue", {
    methods: ["GET"],
    authLevel: gate.authLevel,
    route: "due",
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) => readDue({ limit: query.get("limit"), after: query.get("after") })),
  });
}
