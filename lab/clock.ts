/** Time as the lab's services see it: real by default, injected in tests that must not wait. */
export interface LabClock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
  /** Runs `action` once, not before `delayMs` have passed; the result cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

export const realClock: LabClock = {
  now: () => Date.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `delayMs` of the clock's time. */
export function sleep(clock: LabClock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
