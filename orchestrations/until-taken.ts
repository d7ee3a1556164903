import type { OrchestrationContext } from "durable-functions";
import type { stageAuthority } from "../shared/contract/authority-activities";
import type { Pace } from "../shared/contract/activities";
import type { z } from "zod";
import { call, now, sleepUntil, type Orchestration } from "./durable";

const TRIES = 12;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Repeats a write of a CA into a group while DPS does not know the CA yet: what Azure Resource Manager has taken reaches the
 * enrollments seconds or minutes later. After twelve tries, some nine minutes, it is taken for a refusal.
 */
export function* untilTaken(
  ctx: OrchestrationContext,
  contract: typeof stageAuthority,
  rollId: string,
  { pollMs }: z.output<typeof Pace>,
): Orchestration<{ readonly outcome: "done" | "refused"; readonly code?: string | undefined }> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const { outcome, code } = yield* call(ctx, contract, { rollId });
    if (outcome !== "not-yet") return { outcome, code };
    yield* sleepUntil(ctx, now(ctx) + Math.min(pollMs * 2 ** tries, Math.max(LONGEST_PAUSE_MS, pollMs)));
  }
  return { outcome: "refused", code: "authority-not-taken" };
}
