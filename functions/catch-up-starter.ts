import type { InvocationContext } from "@azure/functions";
import { CATCH_UP_INSTANCE, catchUp } from "../shared/contract/catch-up";
import type { CatchUpStarter } from "../shared/use-cases/start-catch-up";
import { startSingle } from "./single-instance";

/** The Durable client of one invocation. There is one instance, whoever asks. */
export function catchUpStarter(context: InvocationContext): CatchUpStarter {
  return {
    start: async (span) =>
      (await startSingle(context, { name: catchUp.name, instanceId: CATCH_UP_INSTANCE, input: span })).outcome,
  };
}
