import { randomUUID } from "node:crypto";

/**
 * The numbers and names of IoT Hub's errors (Microsoft docs: troubleshoot-error-codes, and the list in the SDKs). The
 * first three digits are the HTTP status.
 */
export const errorCodes = {
  ArgumentInvalid: 400004,
  IotHubFormatError: 400006,
  DeviceDefinedMultipleTimes: 400011,
  BulkRegistryOperationFailure: 400013,
  EtagDoesNotMatch: 400023,
  IotHubUnauthorizedAccess: 401002,
  IotHubUnauthorized: 401003,
  IotHubQuotaExceeded: 403002,
  JobQuotaExceeded: 403003,
  DeviceMaximumInflightMethodExceeded: 403800,
  DeviceNotFound: 404001,
  JobNotFound: 404002,
  ResourceNotFound: 404000,
  ModuleNotFound: 404010,
  DeviceNotOnline: 404103,
  DeviceConnectionClosedRemotely: 404104,
  MethodNotAllowed: 405000,
  DeviceAlreadyExists: 409001,
  JobAlreadyExists: 409104,
  ModuleAlreadyExistsOnDevice: 409301,
  PreconditionFailed: 412001,
  JobRunPreconditionFailed: 412003,
  RequestEntityTooLarge: 413001,
  TooManyDevices: 413002,
  ThrottlingException: 429001,
  ThrottlingBacklogTimeout: 429003,
  ThrottlingMaxActiveJobCountExceeded: 429004,
  ServerError: 500001,
  ServiceUnavailable: 503001,
  GatewayTimeout: 504101,
} as const;

export type ErrorName = keyof typeof errorCodes;

/** A refusal that a client of the hub gets to see. */
export class HubError extends Error {
  constructor(
    readonly code: ErrorName,
    message: string,
    readonly details: {
      /** `nested`: the JSON-in-a-string form of direct methods and digital twins. Default: the registry's form. */
      readonly form?: "message" | "nested";
      readonly info?: Readonly<Record<string, string>>;
      readonly retryAfterSeconds?: number;
      /** Replaces the whole body: bulk operations answer 400 with their result. */
      readonly body?: unknown;
    } = {},
  ) {
    super(message);
  }

  get status(): number {
    return Math.floor(errorCodes[this.code] / 1_000);
  }

  /** The body as the hub writes it. `nowMs`: for the tracking id and the time stamp. */
  toBody(nowMs: number): unknown {
    if (this.details.body !== undefined) return this.details.body;
    const tracking = `${randomUUID().replaceAll("-", "")}-G:0-TimeStamp:${new Date(nowMs).toISOString()}`;
    if (this.details.form !== "nested") {
      return { Message: `ErrorCode:${this.code};${this.message}`, ExceptionMessage: `Tracking ID:${tracking}` };
    }
    const inner = {
      errorCode: errorCodes[this.code],
      trackingId: tracking,
      message: this.message,
      info: this.details.info ?? {},
      timestampUtc: new Date(nowMs).toISOString(),
    };
    return { Message: JSON.stringify(inner), ExceptionMessage: "" };
  }
}

/** The error that a fault of this HTTP status shows. */
export function errorOfStatus(status: number, retryAfterSeconds: number | undefined, form?: "nested"): HubError {
  const details = {
    ...(form ? { form } : {}),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  switch (status) {
    case 400:
      return new HubError("ArgumentInvalid", "The request is not valid.", details);
    case 401:
      return new HubError("IotHubUnauthorizedAccess", "Unauthorized", details);
    case 404:
      return new HubError("DeviceNotFound", "The device was not found.", details);
    case 412:
      return new HubError("PreconditionFailed", "Precondition failed: Device version did not match.", details);
    case 429:
      return throttled("CRUD", details);
    case 503:
      return new HubError("ServiceUnavailable", "The service is temporarily unable to handle the request.", details);
    default:
      return new HubError("ServerError", "An internal error occurred.", details);
  }
}

/** The 429 of a throttle that ran dry. */
export function throttled(
  operationType: string,
  details: { retryAfterSeconds?: number; form?: "nested" } = {},
): HubError {
  return new HubError(
    "ThrottlingBacklogTimeout",
    `The request has been throttled. Wait 10 seconds and try again. Operation type: ${operationType}`,
    details,
  );
}

export const notFound = {
  device: (id: string) => new HubError("DeviceNotFound", `The specified device '${id}' does not exist.`),
  module: (device: string, id: string) =>
    new HubError("ModuleNotFound", `The specified module '${id}' does not exist on device '${device}'.`),
  job: (id: string) => new HubError("JobNotFound", `The job '${id}' was not found.`),
};

export function invalid(message: string): HubError {
  return new HubError("ArgumentInvalid", message);
}

export function preconditionFailed(): HubError {
  return new HubError("PreconditionFailed", "PreconditionFailed, ETag may be invalid.");
}
