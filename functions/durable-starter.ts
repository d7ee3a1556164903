import type { InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { liftDue } from "../shared/contract/deny-entries";
import { recheckClosed, retireAuthorityDue } from "../shared/contract/due";
import {
  closeFleet,
  groupBreach,
  groupExpiry,
  individualBreach,
  individualExpiry,
} from "../shared/contract/orchestrations";
import { rehearseRoll } from "../shared/contract/plan";
import type { DueKind } from "../shared/domain/due";
import type { RollId } from "../shared/domain/ids";
import type { Playbook } from "../shared/domain/roll/playbook";
import { retireDue } from "../shared/contract/reprovision";
import { RollError } from "../shared/domain/roll-error";
import type { RollStarter } from "../shared/ports/starter";
import type { DueStarter } from "../shared/use-cases/run-due";

const ORCHESTRATIONS = {
  "individual-breach": individualBreach.name,
  "individual-expiry": individualExpiry.name,
  "group-breach": groupBreach.name,
  "group-expiry": groupExpiry.name,
} as const satisfies Record<Playbook, string>;

/** How an instance stands. Throws `RollError` where the host does not answer. */
export async function instanceStatus(
  client: df.DurableClient,
  instanceId: string,
): Promise<Awaited<ReturnType<RollStarter["status"]>>> {
  try {
    return toWord((await client.getStatus(instanceId, { showInput: false })).runtimeStatus);
  } catch (error) {
    // The client throws a plain Error for "no such instance".
    if (error instanceof Error && error.message.includes("404")) return "absent";
    throw unavailable(error);
  }
}

/** The Durable client of one invocation as the port that use-cases know. */
export function durableStarter(context: InvocationContext): RollStarter {
  const client = df.getClient(context);
  const status = (rollId: RollId): ReturnType<RollStarter["status"]> => instanceStatus(client, rollId);
  const start = async (orchestration: string, rollId: RollId, input: object): Promise<void> => {
    if ((await status(rollId)) === "running") return;
    try {
      await client.startNew(orchestration, { instanceId: rollId, input });
    } catch (error) {
      // Somebody else may have started it since we looked.
      if ((await status(rollId)) !== "running") throw unavailable(error);
    }
  };
  return {
    status,
    start: (playbook, rollId, { dryRun }) =>
      dryRun
        ? start(rehearseRoll.name, rollId, { rollId, playbook })
        : start(ORCHESTRATIONS[playbook], rollId, { rollId }),
    finish: (rollId) => start(closeFleet.name, rollId, { rollId }),
  };
}

/** What is started for each kind of due work. */
const DUE = {
  retire: retireDue.name,
  "retire-ca": retireAuthorityDue.name,
  recheck: recheckClosed.name,
  "lift-deny": liftDue.name,
} as const satisfies Partial<Record<DueKind, string>>;

/** The Durable client of one invocation, for work that is due. */
export function dueStarter(context: InvocationContext): DueStarter {
  const client = df.getClient(context);
  return {
    start: async (kind, instanceId, { rollId, key }) => {
      const name = (DUE as Partial<Record<DueKind, string>>)[kind];
      if (name === undefined) return;
      try {
        const known = await client.getStatus(instanceId, { showInput: false }).catch(() => undefined);
        if (known !== undefined && toWord(known.runtimeStatus) === "running") return;
        await client.startNew(name, { instanceId, input: { rollId, key } });
      } catch (error) {
        throw unavailable(error);
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

/** The host did not answer the Durable client. */
export function unavailable(cause: unknown): RollError {
  return new RollError("service-unavailable", "the Durable Functions host did not answer", true, { cause });
}
