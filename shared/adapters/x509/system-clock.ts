import { instant } from "../../domain/instant";
import type { Clock } from "../../ports/clock";

/** The machine's clock. */
export const systemClock: Clock = { now: () => instant(Date.now()) };
