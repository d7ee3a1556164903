import type { OrchestrationContext } from "durable-functions";
import type { z } from "zod";
import { provePossession } from "../shared/contract/authority-activities";
import * as contract from "../shared/contract/authority-orchestrations";
import { readControl } from "../shared/contract/control";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

/** Looks per execution; two activities and a timer each. */
const LOOKS = 15;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Brings the new CA into DPS and waits until its possession is proven. Where the app has the key this takes one look; else a
 * person has to sign, and the wait must outlive restarts. Nothing that devices depend on has changed so far.
 */
export function* proveRootOwnership(
  ctx: OrchestrationContext,
): Orchestration<z.input<typeof contract.proveRootOwnership.output>> {
  const { rollId, pace, looks = 0 } = input(ctx, contract.proveRootOwnership);
  for (let look = looks; look < looks + LOOKS; look += 1) {
    const { state, code } = yield* call(ctx, provePossession, { rollId });
    if (state !== "awaiting") return { outcome: state, ...(code === undefined ? {} : { code }) };
    const control = yield* call(ctx, readControl, { rollId, until: {} });
    if (control.state === "aborted") return { outcome: "aborted" };
    if (now(ctx) >= pace.deadline) return { outcome: "deadline" };
    const pause = Math.min(pace.pollMs * 2 ** Math.min(look, 10), Math.max(LONGEST_PAUSE_MS, pace.pollMs));
    yield* sleepUntil(ctx, Math.min(now(ctx) + pause, pace.deadline));
  }
  continueAsNew(ctx, contract.proveRootOwnership, { rollId, pace, looks: looks + LOOKS });
  return { outcome: "deadline" };
}
