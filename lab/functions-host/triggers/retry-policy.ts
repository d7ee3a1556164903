import type { InvocationAnswer, RetryContext, RetryPolicy } from "../worker/protocol";

/** Waits for so many milliseconds; rejects when the host stops meanwhile. */
export type RetryDelay = (ms: number) => Promise<void>;

/**
 * Invokes until it succeeds or the policy of the function is used up, and returns the last answer. Without a policy it
 * invokes once. `maxRetryCount` -1 retries without end.
 */
export async function retrying(
  policy: RetryPolicy | undefined,
  wait: RetryDelay,
  invoke: (retryContext: RetryContext | undefined) => Promise<InvocationAnswer>,
): Promise<InvocationAnswer> {
  let answer = await invoke(undefined);
  if (policy === undefined) return answer;
  const most = policy.maxRetryCount < 0 ? Number.POSITIVE_INFINITY : policy.maxRetryCount;
  for (let count = 1; !answer.ok && count <= most; count++) {
    await wait(delayMs(policy, count));
    const { message, stack } = answer;
    answer = await invoke({
      retryCount: count,
      maxRetryCount: policy.maxRetryCount,
      exception: { message, stackTrace: stack, source: "" },
    });
  }
  return answer;
}

/** Milliseconds before retry number `count` (from 1). */
export function delayMs(policy: RetryPolicy, count: number): number {
  const ms = (duration: RetryPolicy["delayInterval"], otherwise: number): number =>
    duration === undefined ? otherwise : (duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
  // The library sends the word or, in the protocol's enumeration, 0 for the exponential strategy.
  if (policy.retryStrategy !== "exponentialBackoff" && policy.retryStrategy !== 0) return ms(policy.delayInterval, 0);
  const least = ms(policy.minimumInterval, 1_000);
  const most = ms(policy.maximumInterval, 60_000);
  return Math.min(most, least * 2 ** Math.min(30, count - 1));
}
