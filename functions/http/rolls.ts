import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { MAX_ORDER_BYTES } from "../../shared/contract/roll-order";
import type { Role } from "../../shared/domain/operator";
import { isProblem, problem } from "../../shared/domain/outcome";
import type { createAcceptOrder } from "../../shared/use-cases/accept-order";
import type { CommandAnswer, createCommandRoll, OperatorVerb } from "../../shared/use-cases/command-roll";
import type { ReadRolls } from "../../shared/use-cases/read-rolls";
import type { createSubmitPossession } from "../../shared/use-cases/submit-possession";
import { durableStarter } from "../durable-starter";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { queryOf, unlessSame } from "./request";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { startedResponse } from "./started";

export interface RollEndpoints {
  readonly gate: Gate;
  readonly read: ReadRolls;
  readonly accept: ReturnType<typeof createAcceptOrder>;
  readonly command: ReturnType<typeof createCommandRoll>;
  readonly submitPossession: ReturnType<typeof createSubmitPossession>;
}

/** Who may say what. */
const VERBS: Readonly<Record<OperatorVerb, Role>> = {
  approve: "approver",
  pause: "operator",
  resume: "operator",
  abort: "operator",
  retry: "operator",
};

/**
 * What operators read and say: `POST` and `GET /api/rolls`, `GET /api/rolls/{rollId}` and `/devices`, and
 * `POST /api/rolls/{rollId}/{approve|pause|resume|abort|retry|possession}`.
 */
export function registerRolls(o: RollEndpoints): void {
  const { gate, read } = o;
  const { authLevel } = gate;
  app.http("createRoll", {
    ...endpoint("createRoll"),
    authLevel,
    extraInputs: [df.input.durableClient()],
    handler: (request, context) => guarded(context, () => create(o, request, context)),
  });
  app.http("listRolls", {
    ...endpoint("listRolls"),
    authLevel,
    handler: (request, context) => reading(gate, request, context, () => read.list(queryOf(request))),
  });
  app.http("getRoll", {
    ...endpoint("getRoll"),
    authLevel,
    handler: (request, context) => guarded(context, () => one(o, request)),
  });
  app.http("listRollDevices", {
    ...endpoint("listRollDevices"),
    authLevel,
    handler: (request, context) =>
      reading(gate, request, context, () => read.devices(request.params["rollId"] ?? "", queryOf(request))),
  });
  app.http("submitPossession", {
    ...endpoint("submitPossession"),
    authLevel,
    handler: (request, context) => guarded(context, () => provePossession(o, request)),
  });
  for (const [verb, role] of Object.entries(VERBS) as [OperatorVerb, Role][])
    app.http(`${verb}Roll`, {
      ...endpoint(`${verb}Roll`),
      authLevel,
      handler: (request, context) => guarded(context, () => say(o, verb, role, request)),
    });
}

/** A read for whoever may see. */
export function reading(
  gate: Gate,
  request: HttpRequest,
  context: InvocationContext,
  find: (request: HttpRequest) => Promise<object>,
): Promise<HttpResponseInit> {
  return guarded(context, async () => {
    const who = await gate.admit(request, "reader");
    return "outcome" in who ? problemResponse(who) : answer(await find(request));
  });
}

async function one({ gate, read }: RollEndpoints, request: HttpRequest): Promise<HttpResponseInit> {
  const who = await gate.admit(request, "reader");
  if ("outcome" in who) return problemResponse(who);
  const found = await read.get(request.params["rollId"] ?? "");
  return isProblem(found) ? problemResponse(found) : unlessSame(request, found);
}

async function create(
  { gate, accept }: RollEndpoints,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "operator");
  if ("outcome" in by) return problemResponse(by);
  if (Number(request.headers.get("content-length") ?? 0) > MAX_ORDER_BYTES)
    return problemResponse(
      problem(413, "payload-too-large", `at most ${MAX_ORDER_BYTES} bytes are read; use a list blob`),
    );
  const answered = await accept(
    {
      body: new Uint8Array(await request.arrayBuffer()),
      idempotencyKey: request.headers.get("idempotency-key") ?? undefined,
      by,
    },
    durableStarter(context),
  );
  if (answered.outcome === "problem") return problemResponse(answered);
  context.log(`order of ${by.id} ${answered.outcome}: roll ${answered.rollId}`);
  return startedResponse(answered);
}

async function say(
  { gate, command }: RollEndpoints,
  verb: OperatorVerb,
  role: Role,
  request: HttpRequest,
): Promise<HttpResponseInit> {
  const by = await gate.admit(request, role);
  if ("outcome" in by) return problemResponse(by);
  const idempotencyKey = request.headers.get("idempotency-key") ?? undefined;
  const body = new Uint8Array(await request.arrayBuffer());
  const answered: CommandAnswer = await command({
    rollId: request.params["rollId"] ?? "",
    verb,
    body,
    idempotencyKey,
    by,
  });
  if (answered.outcome === "problem") return problemResponse(answered);
  const { rollId, desired, changed } = answered;
  return jsonResponse(200, { rollId, desired, changed, statusUrl: `/api/rolls/${rollId}` });
}

async function provePossession(
  { gate, submitPossession }: RollEndpoints,
  request: HttpRequest,
): Promise<HttpResponseInit> {
  const by = await gate.admit(request, "operator");
  if ("outcome" in by) return problemResponse(by);
  const body = new Uint8Array(await request.arrayBuffer());
  const answered = await submitPossession({ rollId: request.params["rollId"] ?? "", body, by });
  if (answered.outcome === "problem") return problemResponse(answered);
  const { rollId, authorityName } = answered;
  return jsonResponse(200, { rollId, authorityName, isVerified: true, statusUrl: `/api/rolls/${rollId}` });
}

function answer(result: object): HttpResponseInit {
  return isProblem(result) ? problemResponse(result) : jsonResponse(200, result);
}
