import { app, type HttpResponseInit } from "@azure/functions";
import { isProblem } from "../../shared/domain/outcome";
import type { ReadRolls } from "../../shared/use-cases/read-rolls";
import { guarded, jsonResponse, problemResponse } from "./problem";

/** What operators read: `GET /api/rolls`, `/api/rolls/{rollId}`, `/api/rolls/{rollId}/devices`. */
export function registerRolls(read: ReadRolls): void {
  app.http("listRolls", {
    methods: ["GET"],
    authLevel: "function",
    route: "rolls",
    handler: ({ query }, context) =>
      guarded(context, async () => answer(await read.list({ limit: query.get("limit"), after: query.get("after") }))),
  });
  app.http("getRoll", {
    methods: ["GET"],
    authLevel: "function",
    route: "rolls/{rollId}",
    handler: ({ params }, context) => guarded(context, async () => answer(await read.get(params["rollId"] ?? ""))),
  });
  app.http("listRollDevices", {
    methods: ["GET"],
    authLevel: "function",
    route: "rolls/{rollId}/devices",
    handler: ({ params, query }, context) =>
      guarded(context, async () => answer(await read.devices(params["rollId"] ?? "", query.get("after")))),
  });
}

function answer(result: object): HttpResponseInit {
  return isProblem(result) ? problemResponse(result) : jsonResponse(200, result);
}
