import { RollError } from "../domain/roll-error";

/** Calls in flight at the same time per step: enough to hide latency, few enough for a small instance's quotas. */
export const SIDE_BY_SIDE = 16;

/** Runs `work` over all items, at most `limit` at a time; results keep the order. The first error stops new work. */
export async function mapSideBySide<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  limit: number = SIDE_BY_SIDE,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const workers = Array.from({ length: Math.min(limit, items.length) }, async () => {
    for (const [at, item] of queue) results[at] = await work(item);
  });
  await Promise.all(workers);
  return results;
}

/**
 * A service's failure as a value, so that one unreachable record does not hold up the other devices of a batch, nor a
 * service that refuses us (401, 403, an unreadable record) the writes at another one.
 */
export async function orOutage<T>(work: Promise<T>): Promise<T | RollError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RollError && error.code.startsWith("service-")) return error;
    throw error;
  }
}

/** So many failures in one run, and the service itself must be away: asking for the others would only take time. */
const AWAY_AFTER = 8;

/**
 * Asks for every item; a failure is a value. Once the service is away the rest is not asked any more, so that a DPS that
 * hangs delays what comes after it by one timeout, not by one per handful of devices.
 */
export async function askSideBySide<T, R>(
  items: readonly T[],
  ask: (item: T) => Promise<R>,
): Promise<(R | RollError)[]> {
  let failures = 0;
  return mapSideBySide(items, async (item) => {
    if (failures >= AWAY_AFTER)
      return new RollError("service-unavailable", "not asked: the service failed for the devices before it", true);
    const answer = await orOutage(ask(item));
    if (answer instanceof RollError) failures += 1;
    return answer;
  });
}
