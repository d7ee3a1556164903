/** What a lab's Event Hubs may do that a well-behaved log does not; all off by default. */
export interface EventHubsSwitches {
  /** Every n-th event is written twice, as at-least-once delivery may; 0: never. */
  duplicateEvery: number;
  /** Every n-th event is written after the one that follows it (or 100 ms later); 0: never. */
  reorderEvery: number;
  /** Milliseconds between acceptance and the event's place in the log. */
  lateByMs: number;
  /** Whether a link needs a good token by `$cbs` first. */
  requireToken: boolean;
}

export const defaultEventHubsSwitches: EventHubsSwitches = {
  duplicateEvery: 0,
  reorderEvery: 0,
  lateByMs: 0,
  requireToken: true,
};
