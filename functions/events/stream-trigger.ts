/**
 * How every trigger on an event stream is bound. `dataType: "binary"` is passed through to the binding although its type does
 * not list it. Only storage outages throw; the retry policy brings the batch back for as long as it takes.
 */
export const streamTrigger = {
  cardinality: "many",
  ...{ dataType: "binary" },
  retry: {
    strategy: "exponentialBackoff",
    maxRetryCount: -1,
    minimumInterval: { seconds: 1 },
    maximumInterval: { minutes: 1 },
  },
} as const;
