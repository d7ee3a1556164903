import type { InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { groupBreach, groupExpiry, individualBreach, individualExpiry } from "../shared/contract/orchestrations";
import type { RollId } from "../shared/domain/ids";
import type { Playbook } from "../shared/domain/roll/playbook";
import { RollError } from "../shared/domain/roll-error";
import type { RollStarter } from "../shared/ports/starter";

const ORCHESTRATIONS = {
  "individual-breach": individualBreach.name,
  "individual-expiry": individualExpiry.name,
  "group-breach": groupBreach.name,
  "group-expiry": groupExpiry.name,
} as const satisfies Record<Playbook, string>;

/** The Durable client of one invocation as the port that use-cases know. */
export function durableStarter(context: InvocationContext): RollStarter {
  const client = df.getClient(context);
  const status = async (rollId: RollId): Promise<Awaited<ReturnType<RollStarter["status"]>>> => {
    try {
      return toWord((await client.getStatus(rollId, { showInput: false })).runtimeStatus);
    } catch (error) {
      // The client throws a plain Error for "no such instance".
      if (error instanceof Error && error.message.includes("404")) return "absent";
      throw unavailable(error);
    }
  };
  return {
    status,
    start: async (playbook, rollId) => {
      if ((await status(rollId)) === "running") return;
      try {
        await client.startNew(ORCHESTRATIONS[playbook], { instanceId: rollId, input: { rollId } });
      } catch (error) {
        // Somebody else may have started it since we looked.
        if ((await status(rollId)) !== "running") throw unavailable(error);
      }
    },
  };
}

function toWord(status: df.OrchestrationRuntimeStatus): Awaited<ReturnType<RollStarter["status"]>> {
  switch (status) {
    case df.OrchestrationRuntimeStatus.Completed:
      return "completed";
    case df.OrchestrationRuntimeStatus.Failed:
      return "failed";
    case df.OrchestrationRuntimeStatus.Terminated:
    case df.OrchestrationRuntimeStatus.Canceled:
      return "terminated";
    case df.OrchestrationRuntimeStatus.Running:
    case df.OrchestrationRuntimeStatus.Pending:
    case df.OrchestrationRuntimeStatus.ContinuedAsNew:
    case df.OrchestrationRuntimeStatus.Suspended:
      return "running";
    default:
      return status satisfies never;
  }
}

function unavailable(cause: unknown): RollError {
  return new RollError("service-unavailable", "the Durable Functions host did not answer", true, { cause });
}
