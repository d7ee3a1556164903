import type { Instant } from "../domain/instant";

/** The only source of time for steps, use-cases and adapters (orchestrators use the Durable clock). */
export interface Clock {
  now(): Instant;
}

/** Waiting, apart from the clock so that tests need not. */
export interface Waiter {
  /** Resolves after `ms` milliseconds at the earliest. */
  sleep(ms: number): Promise<void>;
}

/** The only source of randomness and hashing, so that tests can fix both. */
export interface Entropy {
  /** `bytes` random bytes as lower-case hex. */
  randomHex(bytes: number): string;
  /** SHA-256 of the UTF-8 text as upper-case hex, 64 digits. */
  sha256(text: string): string;
}
