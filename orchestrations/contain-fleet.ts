import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/orchestrations";
import { childEach, input, type Orchestration } from "./durable";

/**
 * Batches contained at the same time. A batch spends most of its time in the hold, some four minutes: so many that DPS at its
 * default limits is kept busy meanwhile, few enough not to starve other rolls.
 */
const LANES = 12;

/** Contains every batch of a roll, in lanes: a batch in its hold keeps nobody waiting but those behind it in its own lane. */
export function* containFleet(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batches, next, moves } = input(ctx, contract.containFleet);
  const stride = Math.max(0, Math.min(LANES, batches - next));
  const how = moves === undefined ? {} : { moves };
  const lanes = Array.from({ length: stride }, (_, lane) => ({ rollId, batches, next: next + lane, stride, ...how }));
  yield* childEach(ctx, contract.containLane, lanes);
  return {};
}
