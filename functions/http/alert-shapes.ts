import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import type { ApiRouteName } from "../../shared/contract/api-routes";
import { problem, type Problem } from "../../shared/domain/outcome";
import type { Callers } from "../../shared/ports/operators";
import {
  MAX_DELIVERY_BYTES,
  type AlertShape,
  type createAcceptDelivery,
} from "../../shared/use-cases/alerts/accept-delivery";
import { durableStarter } from "../durable-starter";
import { endpoint } from "./endpoint";
import { guarded, jsonResponse, problemResponse } from "./problem";

/** Shapes that come over HTTP, and the applications that Microsoft sends them as (docs: secure webhook delivery). */
const SENDERS: Readonly<Record<Exclude<AlertShape, "export">, readonly string[]>> = {
  eventgrid: ["4962773b-9cdb-44cf-a8bf-237846a00ab7"],
  cloudevents: ["4962773b-9cdb-44cf-a8bf-237846a00ab7"],
  monitor: ["461e8683-5575-4561-ac7f-899cc907d62a"],
  defender: [],
  sentinel: [],
};

const FUNCTIONS = {
  eventgrid: "alertsEventgrid",
  cloudevents: "alertsCloudevents",
  monitor: "alertsMonitor",
  defender: "alertsDefender",
  sentinel: "alertsSentinel",
} as const satisfies Record<keyof typeof SENDERS, ApiRouteName>;

/** The app role of whoever else may send alerts, such as a Logic App's managed identity. */
const TRIGGER_ROLE = "Rollcall.Trigger";

export interface AlertShapeEndpoints {
  readonly accept: ReturnType<typeof createAcceptDelivery>;
  /** Undefined: no directory is configured, and the host's function key is the authentication. */
  readonly callers: Callers | undefined;
}

/** `POST /api/alerts/{eventgrid|cloudevents|monitor|defender|sentinel}`: alerts as Microsoft's services send them. */
export function registerAlertShapes(o: AlertShapeEndpoints): void {
  for (const shape of Object.keys(SENDERS) as (keyof typeof SENDERS)[])
    app.http(FUNCTIONS[shape], {
      ...endpoint(FUNCTIONS[shape]),
      ...(shape === "cloudevents" ? { methods: ["POST", "OPTIONS"] } : {}),
      authLevel: o.callers === undefined ? "function" : "anonymous",
      extraInputs: [df.input.durableClient()],
      handler: (request, context) =>
        request.method === "OPTIONS" ? handshake(request) : guarded(context, () => receive(o, shape, request, context)),
    });
}

/** Abuse protection of CloudEvents 1.0: says that deliveries are wanted. It authenticates nobody. */
function handshake(request: HttpRequest): HttpResponseInit {
  const origin = request.headers.get("webhook-request-origin") ?? "";
  if (!/^[A-Za-z0-9.-]{1,253}$/.test(origin))
    return problemResponse(problem(400, "origin-missing", "send WebHook-Request-Origin with the sender's host name"));
  return {
    status: 200,
    headers: { allow: "POST, OPTIONS", "webhook-allowed-origin": origin, "webhook-allowed-rate": "120" },
  };
}

async function receive(
  { accept, callers }: AlertShapeEndpoints,
  shape: keyof typeof SENDERS,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const stranger = callers === undefined ? undefined : await unlessAllowed(callers, shape, request);
  if (stranger !== undefined) return problemResponse(stranger);
  if (Number(request.headers.get("content-length") ?? 0) > MAX_DELIVERY_BYTES)
    return problemResponse(problem(413, "payload-too-large", `at most ${MAX_DELIVERY_BYTES} bytes are read`));
  const answer = await accept(shape, new Uint8Array(await request.arrayBuffer()), durableStarter(context));
  switch (answer.outcome) {
    case "problem":
      context.warn(`alerts refused: ${answer.code}`);
      return problemResponse(answer);
    case "handshake":
      return jsonResponse(200, { validationResponse: answer.validationCode });
    case "read": {
      for (const { outcome, rollId, code } of answer.results)
        context.log(
          `alert ${outcome}${rollId === undefined ? "" : `: roll ${rollId}`}${code === undefined ? "" : `: ${code}`}`,
        );
      return jsonResponse(200, { results: answer.results });
    }
    default:
      return answer satisfies never;
  }
}

async function unlessAllowed(
  callers: Callers,
  shape: keyof typeof SENDERS,
  request: HttpRequest,
): Promise<Problem | undefined> {
  const authorization = request.headers.get("authorization") ?? undefined;
  const caller = await callers.caller({ authorization, clientPrincipal: undefined });
  if (caller === undefined)
    return problem(401, "sign-in-needed", "send a valid access token for this app: Authorization: Bearer <token>");
  const { appId, roles } = caller;
  if (roles.includes(TRIGGER_ROLE) || (appId !== undefined && SENDERS[shape].includes(appId))) return undefined;
  return problem(403, "role-missing", `this needs the app role ${TRIGGER_ROLE}`);
}
