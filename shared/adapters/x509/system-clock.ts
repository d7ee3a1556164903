import { setTimeout } from "node:timers/promises";
import { instant } from "../../domain/instant";
import type { Clock, Waiter } from "../../ports/clock";

/** The machine's clock. */
export const systemClock: Clock = { now: () => instant(Date.now()) };

/** Waits by the machine's clock, without keeping the process alive for it. */
export const systemWaiter: Waiter = { sleep: (ms) => setTimeout(ms, undefined, { ref: false }) };
