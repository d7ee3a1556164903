import type { Disturbance } from "./engine/engine-context";

const longestMessageMs = 500;
const shortestMessageMs = 50;
const latestTimerMs = 10_000;

/**
 * What the Azure Storage provider does to an app and a laptop does not: queue polling delays every message by
 * 50 to 500 ms, each on its own, so that completions change places; timers come up to 10 s late; one activity in ten
 * is delivered twice at the same time; activity results over `maxBytes` (default 1 MB) are refused.
 */
export function azureStorageProfile(random: () => number = Math.random, maxBytes = 1_048_576): Disturbance {
  return {
    messageDelayMs: () => shortestMessageMs + random() * (longestMessageMs - shortestMessageMs),
    timerDelayMs: () => random() * latestTimerMs,
    deliverTwice: () => random() < 0.1,
    maxPayloadBytes: maxBytes,
  };
}
