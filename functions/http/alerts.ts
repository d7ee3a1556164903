import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { MAX_ALERT_BYTES } from "../../shared/contract/alert";
import { problem } from "../../shared/domain/outcome";
import type { createAcceptAlert } from "../../shared/use-cases/accept-alert";
import { durableStarter } from "../durable-starter";
import { endpoint } from "./endpoint";
import { guarded, jsonResponse, problemResponse } from "./problem";
import { startedResponse } from "./started";

/** `POST /api/alerts/webhook`: a signed breach alert starts a roll. Its signature is the authentication. */
export function registerAlerts(acceptAlert: ReturnType<typeof createAcceptAlert>): void {
  app.http("alertsWebhook", {
    ...endpoint("alertsWebhook"),
    authLevel: "anonymous",
    extraInputs: [df.input.durableClient()],
    handler: (request, context) => guarded(context, () => receive(acceptAlert, request, context)),
  });
}

async function receive(
  acceptAlert: ReturnType<typeof createAcceptAlert>,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > MAX_ALERT_BYTES)
    return problemResponse(
      problem(413, "payload-too-large", `at most ${MAX_ALERT_BYTES} bytes are read; split the alert`),
    );
  const answer = await acceptAlert(
    {
      timestamp: request.headers.get("x-roll-timestamp") ?? undefined,
      signature: request.headers.get("x-roll-signature") ?? undefined,
      body: new Uint8Array(await request.arrayBuffer()),
    },
    durableStarter(context),
  );
  if (answer.outcome === "problem") {
    context.warn(`alert refused: ${answer.code}`);
    return problemResponse(answer);
  }
  if (answer.outcome === "recorded") {
    context.log("alert recorded, nothing started");
    return jsonResponse(200, { started: false, why: answer.why });
  }
  context.log(`alert ${answer.outcome}: roll ${answer.rollId}`);
  return startedResponse(answer);
}
