import { app } from "@azure/functions";
import * as df from "durable-functions";
import type { createRunDue } from "../../shared/use-cases/run-due";
import { dueStarter } from "../durable-starter";

/** Every five minutes by default (setting `ROLLCALL_SWEEP_SCHEDULE`): what is due begins. */
export function registerDue(runDue: ReturnType<typeof createRunDue>): void {
  app.timer("runDue", {
    schedule: "%ROLLCALL_SWEEP_SCHEDULE%",
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      for (const { kind, rollId } of await runDue(dueStarter(context))) context.log(`due: ${kind} of roll ${rollId}`);
    },
  });
}
