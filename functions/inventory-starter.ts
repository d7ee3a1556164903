import type { InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { z } from "zod";
import { INVENTORY_INSTANCE, refreshInventory } from "../shared/contract/inventory";
import { InventoryId } from "../shared/domain/inventory/inventory";
import { RollError } from "../shared/domain/roll-error";
import type { InventoryStarter } from "../shared/ports/inventory";

/** A live instance's input, which names the inventory that it takes. */
const Input = z.object({ inventoryId: InventoryId });

const LIVE: ReadonlySet<df.OrchestrationRuntimeStatus> = new Set([
  df.OrchestrationRuntimeStatus.Running,
  df.OrchestrationRuntimeStatus.Pending,
  df.OrchestrationRuntimeStatus.ContinuedAsNew,
  df.OrchestrationRuntimeStatus.Suspended,
]);

/** The Durable client of one invocation as the port that use-cases know. There is one instance, whoever asks. */
export function inventoryStarter(context: InvocationContext): InventoryStarter {
  const client = df.getClient(context);
  const running = async (): Promise<InventoryId | undefined> => {
    try {
      const { runtimeStatus, input } = await client.getStatus(INVENTORY_INSTANCE, { showInput: true });
      return LIVE.has(runtimeStatus) ? Input.safeParse(parsed(input)).data?.inventoryId : undefined;
    } catch (error) {
      // The client throws a plain Error for "no such instance".
      if (error instanceof Error && error.message.includes("404")) return undefined;
      throw unavailable(error);
    }
  };
  return {
    async start({ inventoryId, startedAt }) {
      const other = await running();
      if (other !== undefined) return { outcome: "running", inventoryId: other };
      const input = { inventoryId, startedAt, cursor: { at: "trust" } };
      try {
        await client.startNew(refreshInventory.name, { instanceId: INVENTORY_INSTANCE, input });
        return { outcome: "started" };
      } catch (error) {
        // Somebody else may have started one since we looked.
        const winner = await running();
        if (winner === undefined) throw unavailable(error);
        return { outcome: "running", inventoryId: winner };
      }
    },
  };
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

function unavailable(cause: unknown): RollError {
  return new RollError("service-unavailable", "the Durable Functions host did not answer", true, { cause });
}
