import { app, type InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import type { AlertShape, createAcceptDelivery } from "../../shared/use-cases/alerts/accept-delivery";
import { durableStarter } from "../durable-starter";
import { streamTrigger } from "./stream-trigger";

/**
 * Alerts that Defender for Cloud exports continuously to an event hub. Bodies stay bytes, so that one that is no JSON fails
 * no other. Only outages throw: the batch then comes again, and starts nothing twice.
 */
export function registerExportedAlerts(accept: ReturnType<typeof createAcceptDelivery>): void {
  app.eventHub("exportedAlerts", {
    connection: "ROLLCALL_ALERTS",
    eventHubName: "%ROLLCALL_ALERTS_HUB%",
    ...streamTrigger,
    extraInputs: [df.input.durableClient()],
    handler: async (messages, context) => {
      const bodies = Array.isArray(messages) ? (messages as unknown[]) : [messages];
      for (const body of bodies) await take(accept, "export", toBytes(body), context);
    },
  });
}

/** Events of Event Grid without HTTP; the trigger does the handshake itself. */
export function registerGridAlerts(accept: ReturnType<typeof createAcceptDelivery>): void {
  app.eventGrid("gridAlerts", {
    extraInputs: [df.input.durableClient()],
    handler: async (event: unknown, context) => {
      const isCloudEvent = typeof event === "object" && event !== null && "specversion" in event;
      await take(accept, isCloudEvent ? "cloudevents" : "eventgrid", toBytes(event), context);
    },
  });
}

async function take(
  accept: ReturnType<typeof createAcceptDelivery>,
  shape: AlertShape,
  body: Uint8Array,
  context: InvocationContext,
): Promise<void> {
  const answer = await accept(shape, body, durableStarter(context));
  if (answer.outcome === "problem") context.warn(`alert refused: ${answer.code}`);
  if (answer.outcome !== "read") return;
  for (const { outcome, rollId, code } of answer.results)
    context.log(`alert ${outcome}: ${rollId ?? code ?? "nothing started"}`);
}

function toBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body ?? null));
}
