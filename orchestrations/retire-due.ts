import type { OrchestrationContext } from "durable-functions";
import { settleDue } from "../shared/contract/due";
import * as contract from "../shared/contract/reprovision";
import { call, child, input, type Orchestration } from "./durable";

/**
 * Long after its roll: old leaves that were to stay until they had run out. Other rolls may have the devices by now, which
 * is no matter: an entry that is not what this roll left behind is not touched.
 */
export function* retireDue(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, key } = input(ctx, contract.retireDue);
  yield* child(ctx, contract.retireFleet, { rollId });
  return yield* call(ctx, settleDue, { rollId, key });
}
