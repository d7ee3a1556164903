/**
 * An outage or a bug, as opposed to an outcome that the rules foresee (those are data). `code` is a stable word listed in
 * docs/errors.md; `retryable` says whether the same call may succeed later without anybody's help.
 */
export class RollError extends Error {
  constructor(
    readonly code: RollErrorCode,
    message: string,
    readonly retryable: boolean,
    options?: { readonly cause?: unknown; readonly retryAfterMs?: number },
  ) {
    super(message, options === undefined ? undefined : { cause: options.cause });
    this.name = "RollError";
    this.retryAfterMs = options?.retryAfterMs;
  }

  /** The service's own wish (Retry-After), where it stated one. */
  readonly retryAfterMs: number | undefined;
}

export type RollErrorCode =
  /** DPS, IoT Hub, ARM or storage did not answer, or answered 5xx. */
  | "service-unavailable"
  /** 429: the service asks for fewer calls. */
  | "service-throttled"
  /** 401/403: the app's own credentials or roles do not suffice. */
  | "service-denied-us"
  /** The answer does not have the documented shape. */
  | "service-answer-unreadable"
  /** Another step holds the batch's lease for a moment. */
  | "batch-busy"
  /** Another roll took devices of the batch over while this step was at work: it decides again without them. */
  | "superseded-midway"
  /** Another run took the batch over while this one was at work; its writes win. */
  | "lease-lost"
  /** A row, blob or setting the product wrote itself cannot be read back. */
  | "store-corrupt";
