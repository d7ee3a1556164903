import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/residual-access";
import { continueAsNew, input, type Orchestration } from "./durable";
import { callEachPaced } from "./paced";
import { throughWindow } from "./through-window";

/**
 * A device that is contained may have modules, whose credentials are their own. Nobody waits for what is found here: a
 * window that cannot be looked at in a minute stays unexamined, and its devices say so.
 */
export function* treatResidue(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next: from } = input(ctx, contract.treatResidue);
  const next = yield* throughWindow(ctx, { rollId, batches, next: from }, (window) =>
    callEachPaced(ctx, contract.treatModules, window),
  );
  if (next !== undefined) continueAsNew(ctx, contract.treatResidue, { rollId, batches, next });
  return {};
}
