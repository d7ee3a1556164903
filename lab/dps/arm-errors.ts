import { DpsError } from "./errors";

/**
 * A refusal of the control plane. The resource provider answers `{code, httpStatusCode, message, details}`; what ARM
 * itself refuses, before the provider, is `{error: {code, message}}`.
 */
export class ArmError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    private readonly from: "provider" | "arm" = "provider",
  ) {
    super(message);
  }

  body(): Record<string, unknown> {
    return this.from === "arm"
      ? { error: { code: this.code, message: this.message } }
      : { code: this.status * 1000 + 1, httpStatusCode: this.code, message: this.message, details: null };
  }
}

/** The refusals of the control plane, one per reason. */
export const armErrors = {
  unauthenticated: () => new ArmError(401, "AuthenticationFailed", "Authentication failed.", "arm"),
  noSuchResource: (what: string) =>
    new ArmError(404, "ResourceNotFound", `The resource '${what}' was not found.`, "arm"),
  methodNotAllowed: () => new ArmError(405, "MethodNotAllowed", "The method is not supported.", "arm"),
  missingApiVersion: () =>
    new ArmError(400, "MissingApiVersionParameter", "The api-version query parameter is required.", "arm"),
  badRequest: (message: string) => new ArmError(400, "BadRequest", message),
  certificateNotFound: (name: string) => new ArmError(404, "NotFound", `Certificate '${name}' was not found.`),
  conflict: (message: string) => new ArmError(409, "Conflict", message),
  preconditionFailed: () => new ArmError(412, "PreconditionFailed", "If-Match is missing or does not match the etag."),
} as const;

/** Any error as the control plane's; the statuses that faults ask for keep their number. */
export function asArmError(error: unknown): ArmError {
  if (error instanceof ArmError) return error;
  if (error instanceof DpsError) return new ArmError(error.status, codes.get(error.status) ?? "Error", error.message);
  return new ArmError(500, "InternalServerError", "Internal server error.");
}

const codes = new Map([
  [400, "BadRequest"],
  [401, "Unauthorized"],
  [404, "NotFound"],
  [412, "PreconditionFailed"],
  [429, "TooManyRequests"],
  [500, "InternalServerError"],
  [503, "ServiceUnavailable"],
]);
