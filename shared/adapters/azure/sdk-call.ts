import { timedOut } from "./bounded-http";
import { readFailure, toRollError, type ServiceFailure } from "./sdk-errors";

/** What came of one call: the SDK's answer, or its failure as read. */
export type CallOutcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: ServiceFailure };

/**
 * Runs one SDK call that ends within `timeoutMs` whatever the SDK does. The HTTP layer ends the request by itself; this is
 * for what comes before it (the token of an identity) and for promise forms that never settle.
 */
export async function callSdk<T>(timeoutMs: number, run: () => Promise<T>): Promise<CallOutcome<T>> {
  let timer: NodeJS.Timeout | undefined;
  // A little later than the request's own end, so that its error, which says more, comes first.
  const limitMs = timeoutMs + 250;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(timedOut(limitMs));
    }, limitMs);
  });
  try {
    return { ok: true, value: await Promise.race([run(), limit]) };
  } catch (error) {
    return { ok: false, failure: readFailure(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The same for reads: run once more at once if a kept-alive connection turned out to be closed by the other side. */
export async function readBySdk<T>(timeoutMs: number, run: () => Promise<T>): Promise<CallOutcome<T>> {
  const first = await callSdk(timeoutMs, run);
  const stale =
    !first.ok && first.failure.status === undefined && /^(ECONNRESET|EPIPE)$/.test(first.failure.code ?? "");
  return stale ? callSdk(timeoutMs, run) : first;
}

/** The answer, or the failure as `RollError`. */
export function valueOrThrow<T>(service: string, outcome: CallOutcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw toRollError(service, outcome.failure);
}
