import type { AutoWish } from "../domain/roll/auto-contain";

/**
 * How many devices all automatic rolls together may still cut off within an hour. Throws `RollError`
 * (`service-unavailable`) when the storage does not answer: then nothing is granted.
 */
export interface AutoContainBudget {
  /** Devices per hour. */
  readonly perHour: number;
  /** Takes of the budget; answers how many devices were granted. The same roll again within the hour takes nothing more. */
  take(wish: AutoWish): Promise<number>;
}
