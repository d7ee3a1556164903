import type { Faults, ServiceCall } from "../../lab/faults/faults";
import { toRollError, type ServiceFailure } from "../../shared/adapters/azure/sdk-errors";

/** What the service would say for a status that a fault asks for. */
export function failureOf(status: number | undefined, retryAfterMs?: number): ServiceFailure {
  return {
    status,
    code: status === undefined ? "ECONNRESET" : `${status}000`,
    detail: "fault",
    mayHaveArrived: true,
    retryAfterMs,
    body: undefined,
  };
}

/**
 * Runs one operation of a fake service under its faults. `work` gets false when it is to answer without doing anything.
 * Faults that the port has outcomes for go to `outcomeOf`; what it leaves undefined is thrown as the adapters throw it.
 */
export async function underFaults<T>(
  faults: Faults,
  call: ServiceCall,
  work: (commit: boolean) => T,
  outcomeOf: (failure: ServiceFailure) => T | undefined = () => undefined,
): Promise<T> {
  const fail = (failure: ServiceFailure): T => {
    const outcome = outcomeOf(failure);
    if (outcome === undefined) throw toRollError("fake", failure);
    return outcome;
  };
  const effects = faults.take(call.operation, call.subject);
  for (const effect of effects) {
    if (effect.kind === "latency") await new Promise((resolve) => setTimeout(resolve, effect.ms));
    // A caller's patience ends some day: a fake has no reason to wait for it.
    if (effect.kind === "hang") return fail(failureOf(undefined));
    if (effect.kind === "status") {
      const seconds = effect.retryAfterSeconds;
      return fail(failureOf(effect.status, seconds === undefined ? undefined : seconds * 1000));
    }
    if (effect.kind === "acknowledged-not-done") return work(false);
  }
  const answer = work(true);
  await faults.done(call);
  return effects.some(({ kind }) => kind === "reply-lost") ? fail(failureOf(undefined)) : answer;
}
