import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { triggerOf } from "../function-app";
import { arrayOf, messageOf, objectOf, textOf, tryParse } from "../json";
import type { FunctionApp } from "../function-app";
import type { NamedData, RegisteredFunction } from "../worker/protocol";

interface EventGridContext {
  readonly pool: FunctionApp;
  readonly extraInputs: (fn: RegisteredFunction) => readonly NamedData[];
  readonly log: (level: string, text: string) => void;
}

/**
 * The webhook Event Grid calls for functions with its trigger (docs: event-grid/webhook-event-delivery): answers the
 * validation handshake, then runs the function once per event. A failure answers 500, so that Event Grid sends again.
 */
export async function handleEventGrid(
  context: EventGridContext,
  url: URL,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const name = url.searchParams.get("functionName") ?? "";
  const fn = context.pool.functions.get(name.toLowerCase());
  const trigger = fn === undefined ? undefined : triggerOf(fn);
  if (fn === undefined || trigger?.binding.type.toLowerCase() !== "eventgridtrigger") {
    response.writeHead(404, { "content-type": "text/plain" }).end(`There is no Event Grid function "${name}".\n`);
    return;
  }
  // CloudEvents 1.0 handshake (HTTP webhook specification §4).
  if (request.method === "OPTIONS") {
    response.setHeader("webhook-allowed-origin", request.headers["webhook-request-origin"] ?? "*");
    response.setHeader("webhook-allowed-rate", "*");
    response.writeHead(200).end();
    return;
  }
  const parsed = tryParse(body.toString("utf8"));
  if (parsed === undefined) {
    response.writeHead(400, { "content-type": "text/plain" }).end("The request body is not JSON.\n");
    return;
  }
  const events = Array.isArray(parsed) ? arrayOf(parsed) : [parsed];
  const kind = textOf(request.headers["aeg-event-type"]) ?? "Notification";
  if (kind === "SubscriptionValidation") {
    const validationCode = textOf(objectOf(objectOf(events[0])["data"])["validationCode"]) ?? "";
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ validationResponse: validationCode }));
    return;
  }
  if (kind === "Unsubscribe") {
    response.writeHead(202).end();
    return;
  }
  const results = await Promise.all(
    events.map(async (event) => {
      try {
        const data = { json: JSON.stringify(event) };
        const answer = await context.pool.invoke({
          functionName: fn.name,
          inputs: [{ name: trigger.name, data }, ...context.extraInputs(fn)],
          triggerMetadata: { Data: { json: JSON.stringify(objectOf(event)["data"] ?? null) } },
          invocationId: randomUUID(),
        });
        if (!answer.ok) context.log("error", `${fn.name} failed: ${answer.message}`);
        return answer.ok;
      } catch (error) {
        context.log("error", `${fn.name}: ${messageOf(error)}`);
        return false;
      }
    }),
  );
  response.writeHead(results.every((ok) => ok) ? 202 : 500).end();
}
