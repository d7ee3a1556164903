import { app } from "@azure/functions";
import * as df from "durable-functions";
import type { createSweepRolls } from "../../shared/use-cases/sweep-rolls";
import { durableStarter } from "../durable-starter";

/** Every five minutes by default (setting `ROLLCALL_SWEEP_SCHEDULE`): open rolls without a living orchestration start again. */
export function registerSweep(sweepRolls: ReturnType<typeof createSweepRolls>): void {
  app.timer("sweepRolls", {
    schedule: "%ROLLCALL_SWEEP_SCHEDULE%",
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      const { restarted } = await sweepRolls(durableStarter(context));
      for (const rollId of restarted) context.warn(`roll ${rollId} had no living orchestration; started again`);
    },
  });
}
