import type { InvocationContext } from "@azure/functions";
import * as df from "durable-functions";
import { CATCH_UP_INSTANCE, catchUp } from "../shared/contract/catch-up";
import type { CatchUpStarter } from "../shared/use-cases/start-catch-up";
import { instanceStatus, unavailable } from "./durable-starter";

/** The Durable client of one invocation. There is one instance, whoever asks. */
export function catchUpStarter(context: InvocationContext): CatchUpStarter {
  const client = df.getClient(context);
  const runs = async (): Promise<boolean> => (await instanceStatus(client, CATCH_UP_INSTANCE)) === "running";
  return {
    async start(span) {
      if (await runs()) return "running";
      try {
        await client.startNew(catchUp.name, { instanceId: CATCH_UP_INSTANCE, input: span });
        return "started";
      } catch (error) {
        // Somebody else may have started one since we looked.
        if (await runs()) return "running";
        throw unavailable(error);
      }
    },
  };
}
