import { sleep } from "../clock";
import type { FaultEffect } from "../faults/faults";
import type { DpsContext } from "./context";
import { dpsErrorFor } from "./errors";

/** One thing that a client asks of DPS, or DPS of a hub. */
export interface Operation<T> {
  /** As faults know it: `dps.enrollment.put`. */
  readonly name: string;
  readonly subject: string;
  readonly write: boolean;
  /** Does the work, or with `commit` false only computes the answer that would acknowledge it. */
  run(commit: boolean): T | Promise<T>;
}

/** `never`: whoever asked is left waiting; `lost`: the work is done, the connection drops. */
export type Outcome<T> =
  { readonly reply: "sent"; readonly answer: T } | { readonly reply: "never" } | { readonly reply: "lost" };

/** Runs an operation under the faults that are set for it. Throws DpsError for a status that a fault asks for. */
export async function underFaults<T>(operation: Operation<T>, context: DpsContext): Promise<Outcome<T>> {
  const { name, subject, write } = operation;
  const effects = context.faults.take(name, subject);
  for (const effect of effects) {
    if (effect.kind === "latency") await sleep(context.clock, effect.ms);
    if (effect.kind === "hang") return { reply: "never" };
    if (effect.kind === "status") throw dpsErrorFor(effect.status, effect.retryAfterSeconds);
  }
  if (shows(effects, "acknowledged-not-done")) return { reply: "sent", answer: await operation.run(false) };
  const answer = await operation.run(true);
  await context.faults.done({ operation: name, subject, write });
  return shows(effects, "reply-lost") ? { reply: "lost" } : { reply: "sent", answer };
}

function shows(effects: readonly FaultEffect[], kind: FaultEffect["kind"]): boolean {
  return effects.some((effect) => effect.kind === kind);
}
