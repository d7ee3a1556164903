import { RegistrationId } from "../domain/ids";
import { RollError } from "../domain/roll-error";
import type { Waiter } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";

/** How long DPS may take to say what it knows. */
const LOOKUP_MS = 2_000;
const SIDE_BY_SIDE = 16;

export interface FindUnknownDeps {
  readonly waiter: Waiter;
  readonly enrollments: Enrollments;
}

/**
 * Ids that DPS says it does not have, sorted. If DPS cannot say so in time, none: an outage must not keep a breach from
 * being contained, and the roll itself finds out later.
 */
export async function findUnknown(
  { enrollments, waiter }: FindUnknownDeps,
  registrationIds: readonly string[],
): Promise<string[]> {
  const unknown: string[] = [];
  const queue = registrationIds.map((id) => RegistrationId.parse(id.toLowerCase())).values();
  const look = async (): Promise<void> => {
    for (const id of queue) {
      const reading = await enrollments.get(id);
      if (reading.outcome === "missing") unknown.push(id);
    }
  };
  const all = Promise.all(Array.from({ length: SIDE_BY_SIDE }, look));
  return (await answeredInTime(waiter, all)) ? unknown.sort() : [];
}

/** False if the answer did not come within two seconds, or the service did not answer at all. */
export async function answeredInTime(waiter: Waiter, work: Promise<unknown>): Promise<boolean> {
  try {
    return await Promise.race([work.then(() => true), waiter.sleep(LOOKUP_MS).then(() => false)]);
  } catch (error) {
    if (!(error instanceof RollError)) throw error;
    return false;
  }
}
