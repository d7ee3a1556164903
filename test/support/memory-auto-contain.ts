import { AutoContained, grantAuto, type AutoWish } from "../../shared/domain/roll/auto-contain";
import type { AutoContainBudget } from "../../shared/ports/auto-contain";
import type { Clock } from "../../shared/ports/clock";

/** The budget without a storage account; passes the same contract suite as the real one. */
export class MemoryAutoContainBudget implements AutoContainBudget {
  private row: AutoContained | undefined;

  constructor(
    readonly perHour: number,
    private readonly clock: Clock,
  ) {}

  async take(wish: AutoWish): Promise<number> {
    await Promise.resolve();
    const { granted, next } = grantAuto(this.row, wish, this.perHour, this.clock.now());
    if (next !== undefined) this.row = AutoContained.parse(next);
    return granted;
  }
}
