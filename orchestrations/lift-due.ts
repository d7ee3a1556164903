import type { OrchestrationContext } from "durable-functions";
import * as contract from "../shared/contract/deny-entries";
import { call, input, type Orchestration } from "./durable";

/** What a deny entry keeps out has run out: the entry goes. */
export function* liftDue(ctx: OrchestrationContext): Orchestration<object> {
  yield* call(ctx, contract.liftDeny, input(ctx, contract.liftDue));
  return {};
}
