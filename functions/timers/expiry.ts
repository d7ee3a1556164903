import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import type { createRunExpiry } from "../../shared/use-cases/expiry/run-expiry";
import type { ReadExpiry } from "../../shared/use-cases/expiry/read-expiry";
import type { createStartProposal } from "../../shared/use-cases/expiry/start-proposal";
import { durableStarter } from "../durable-starter";
import { endpoint } from "../http/endpoint";
import type { Gate } from "../http/gate";
import { guarded, jsonResponse, problemResponse } from "../http/problem";
import { reading } from "../http/rolls";
import { startedResponse } from "../http/started";

export interface ExpiryEndpoints {
  readonly gate: Gate;
  readonly runExpiry: ReturnType<typeof createRunExpiry>;
  readonly startProposal: ReturnType<typeof createStartProposal>;
  readonly read: ReadExpiry;
}

/**
 * Hourly by default (setting `ROLLCALL_EXPIRY_SCHEDULE`), and at once by `POST /api/expiry/run`: what runs out by policy is
 * noted or started. `GET /api/proposals` lists what is due, `POST /api/proposals/{key}/start` starts one of them, `GET
 * /api/rescue` lists what is too late.
 */
export function registerExpiry(schedule: string, o: ExpiryEndpoints): void {
  const { gate, runExpiry, read } = o;
  const { authLevel } = gate;
  app.timer("runExpiry", {
    schedule,
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      const ran = await runExpiry(durableStarter(context));
      context.log(
        ran === undefined ? "expiry: no inventory yet" : `expiry: ${ran.noted} due, ${ran.started.length} started`,
      );
    },
  });
  app.http("runExpiryNow", {
    ...endpoint("runExpiryNow"),
    authLevel,
    extraInputs: [df.input.durableClient()],
    handler: (request, context) =>
      guarded(context, async () => {
        const by = await gate.admit(request, "operator");
        if ("outcome" in by) return problemResponse(by);
        return jsonResponse(200, (await runExpiry(durableStarter(context))) ?? { inventory: "none yet" });
      }),
  });
  app.http("listProposals", {
    ...endpoint("listProposals"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) =>
        read.proposals({ limit: query.get("limit"), after: query.get("after") }),
      ),
  });
  app.http("startProposal", {
    ...endpoint("startProposal"),
    authLevel,
    extraInputs: [df.input.durableClient()],
    handler: (request, context) => guarded(context, () => start(o, request, context)),
  });
  app.http("listRescue", {
    ...endpoint("listRescue"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, ({ query }) =>
        read.rescue({ limit: query.get("limit"), after: query.get("after") }),
      ),
  });
}

async function start(
  { gate, startProposal }: ExpiryEndpoints,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "operator");
  if ("outcome" in by) return problemResponse(by);
  const body = new Uint8Array(await request.arrayBuffer());
  const answered = await startProposal({ key: request.params["key"] ?? "", body, by }, durableStarter(context));
  if (answered.outcome === "problem") return problemResponse(answered);
  context.log(`proposal started by ${by.id}, ${answered.outcome}: roll ${answered.rollId}`);
  return startedResponse(answered);
}
