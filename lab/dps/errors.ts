import { randomUUID } from "node:crypto";
import { dpsTime } from "./times";

/**
 * A refusal in the form of the DPS data plane. The first three digits of the code are the HTTP status. Known from Azure
 * are 404201, 404202, 404204, 401002 and 400207; the rest are guesses in the same form.
 */
export class DpsError extends Error {
  constructor(
    readonly status: number,
    readonly errorCode: number,
    message: string,
    /** Sent as Retry-After (HTTP) or `retry-after` (MQTT) when given. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

/** The refusals of the data plane, one per reason. */
export const dpsErrors = {
  badRequest: (message: string) => new DpsError(400, 400201, message),
  unauthorized: (message = "Unauthorized") => new DpsError(401, 401002, message),
  enrollmentNotFound: () => new DpsError(404, 404201, "Enrollment not found."),
  groupNotFound: () => new DpsError(404, 404204, "Not Found."),
  registrationNotFound: () => new DpsError(404, 404202, "Registration not found."),
  noSuchResource: () => new DpsError(404, 404200, "Resource not found."),
  methodNotAllowed: () => new DpsError(405, 405200, "Method not allowed."),
  enrollmentExists: () => new DpsError(409, 409201, "Enrollment already exists."),
  groupExists: () => new DpsError(409, 409202, "Enrollment group already exists."),
  caInUse: () => new DpsError(409, 409203, "CA certificate is already used by another enrollment group."),
  etagInvalid: () => new DpsError(412, 412201, "ETag is invalid."),
  unsupportedMediaType: () => new DpsError(415, 415200, "Unsupported media type."),
  quotaReached: (what: string) => new DpsError(403, 403201, `The limit of ${what} is reached.`),
  throttled: (retryAfterSeconds?: number) =>
    new DpsError(429, 429201, "The request has been throttled. Wait and try again.", retryAfterSeconds),
  internal: () => new DpsError(500, 500201, "Internal server error."),
} as const;

/** The error for a status a fault asks for. */
export function dpsErrorFor(status: number, retryAfterSeconds?: number): DpsError {
  switch (status) {
    case 400:
      return dpsErrors.badRequest("Bad request.");
    case 401:
      return dpsErrors.unauthorized();
    case 404:
      return dpsErrors.enrollmentNotFound();
    case 412:
      return dpsErrors.etagInvalid();
    case 429:
      return dpsErrors.throttled(retryAfterSeconds);
    case 503:
      return new DpsError(503, 503201, "Service unavailable.", retryAfterSeconds);
    default:
      return new DpsError(500, 500201, "Internal server error.", retryAfterSeconds);
  }
}

/** The body of an error, on HTTP and MQTT alike. */
export interface DpsErrorBody {
  readonly errorCode: number;
  readonly trackingId: string;
  readonly message: string;
  readonly info: Record<string, string>;
  readonly timestampUtc: string;
}

/** The body for an error; `now` in milliseconds since the epoch. */
export function errorBody(error: DpsError, now: number): DpsErrorBody {
  return {
    errorCode: error.errorCode,
    trackingId: randomUUID(),
    message: error.message,
    info: {},
    timestampUtc: dpsTime(now),
  };
}
