import type { InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { unavailable } from "./durable-starter";

const LIVE: ReadonlySet<df.OrchestrationRuntimeStatus> = new Set([
  df.OrchestrationRuntimeStatus.Running,
  df.OrchestrationRuntimeStatus.Pending,
  df.OrchestrationRuntimeStatus.ContinuedAsNew,
  df.OrchestrationRuntimeStatus.Suspended,
]);

export type SingleStart =
  { readonly outcome: "started" } | { readonly outcome: "running"; /** Of the living one. */ readonly input: unknown };

/**
 * Starts an orchestration of which there is one instance, whoever asks, unless that lives. Throws `RollError`
 * (`service-unavailable`) when the host does not answer.
 */
export async function startSingle(
  context: InvocationContext,
  { name, instanceId, input }: { readonly name: string; readonly instanceId: string; readonly input: object },
): Promise<SingleStart> {
  const client = df.getClient(context);
  const living = async (): Promise<SingleStart | undefined> => {
    try {
      const status = await client.getStatus(instanceId, { showInput: true });
      return LIVE.has(status.runtimeStatus) ? { outcome: "running", input: parsed(status.input) } : undefined;
    } catch (error) {
      // The client throws a plain Error for "no such instance".
      if (error instanceof Error && error.message.includes("404")) return undefined;
      throw unavailable(error);
    }
  };
  const other = await living();
  if (other !== undefined) return other;
  try {
    await client.startNew(name, { instanceId, input });
    return { outcome: "started" };
  } catch (error) {
    // Somebody else may have started one since we looked.
    const winner = await living();
    if (winner === undefined) throw unavailable(error);
    return winner;
  }
}

/** Some hosts answer the input as JSON in a string. */
function parsed(input: unknown): unknown {
  if (typeof input !== "string") return input;
  try {
    return JSON.parse(input);
  } catch {
    return undefined;
  }
}
