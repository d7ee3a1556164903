import type { RestError } from "@azure/data-tables";
import { z } from "zod";
import { RollError } from "../../domain/roll-error";

/** What a conditional read or write can answer besides "done". */
export type Attempted<T> =
  | { readonly outcome: "done"; readonly value: T }
  /** 409: there already is such a row or blob. */
  | { readonly outcome: "exists" }
  /** 412: its version is no longer the one that was read. */
  | { readonly outcome: "changed" }
  /** 404: there is no such row or blob. */
  | { readonly outcome: "absent" };

/**
 * Runs a call to Azure Tables or Blobs in which somebody else's write may come first, and tells that apart from an outage.
 * `doing` completes the sentence "storage failed to …" and names what was touched, never its content.
 * @throws RollError for everything else, see {@link asRollError}; errors that are not the service's pass unchanged.
 */
export async function attempt<T>(doing: string, call: () => Promise<T>): Promise<Attempted<T>> {
  try {
    return { outcome: "done", value: await call() };
  } catch (error) {
    const foreseen = isRestError(error) ? foreseenOutcome(error) : undefined;
    if (foreseen !== undefined) return { outcome: foreseen };
    throw asRollError(error, doing);
  }
}

/** Runs a call to which the only acceptable answer is "done". */
export async function demand<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asRollError(error, doing);
  }
}

/** A row or blob that the product wrote and cannot read back; `where` names table and keys, or the blob. */
export function corrupt(where: string, why: string, cause?: unknown): RollError {
  return new RollError("store-corrupt", `${where} ${why}`, false, { cause });
}

/** The word for an exhausted number of tries: storage works, but somebody else's write came first every time. */
export function contended(doing: string, tries: number): RollError {
  return new RollError(
    "service-unavailable",
    `storage failed to ${doing}: other writes came first ${tries} times`,
    true,
  );
}

/** The one place that turns what the storage SDKs throw into the product's words. */
export function asRollError(error: unknown, doing: string): unknown {
  if (error instanceof RollError) return error;
  if (!isRestError(error)) return isCredentialError(error) ? denied(doing, error.name, error) : error;
  const status = error.statusCode;
  const answer = `${status ?? "no answer"} ${errorCode(error) ?? ""}`.trim();
  if (status === 401 || status === 403) return denied(doing, answer, error);
  const say = `storage failed to ${doing}: ${answer}`;
  // Storage says "fewer, please" with 503 ServerBusy (docs: Status and error codes); 429 is for its control plane.
  if (status === 429 || (status === 503 && errorCode(error) === "ServerBusy")) {
    return new RollError("service-throttled", say, true, { cause: error, ...retryAfter(error) });
  }
  const parsing = error.code === "PARSE_ERROR";
  if (!parsing && (status === undefined || status === 408 || status >= 500)) {
    return new RollError("service-unavailable", say, true, { cause: error, ...retryAfter(error) });
  }
  return new RollError("service-answer-unreadable", say, false, { cause: error });
}

function foreseenOutcome(error: RestError): "exists" | "changed" | "absent" | undefined {
  switch (errorCode(error)) {
    case "EntityAlreadyExists":
    case "BlobAlreadyExists":
      return "exists";
    case "UpdateConditionNotSatisfied":
    case "ConditionNotMet":
      return "changed";
    case "ResourceNotFound":
    case "EntityNotFound":
    case "BlobNotFound":
      return "absent";
    default:
      return undefined;
  }
}

const TableErrorDetails = z.object({ odataError: z.object({ code: z.string() }) });

/** Tables' single calls carry the code in the body's details, its transactions and blobs as `code`. */
function errorCode(error: RestError): string | undefined {
  const details = TableErrorDetails.safeParse(error.details);
  return details.success ? details.data.odataError.code : error.code;
}

function retryAfter(error: RestError): { retryAfterMs?: number } {
  const seconds = Number(error.response?.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1_000 } : {};
}

function denied(doing: string, answer: string, cause: unknown): RollError {
  const say = `storage failed to ${doing}: ${answer}; give the app's identity the data contributor roles for tables and blobs`;
  return new RollError("service-denied-us", say, false, { cause });
}

function isRestError(error: unknown): error is RestError {
  return error instanceof Error && error.name === "RestError";
}

/** `@azure/identity` found no credential, or its token service refused the one it found. */
function isCredentialError(error: unknown): error is Error {
  return error instanceof Error && /^(CredentialUnavailable|Authentication|AggregateAuthentication)/.test(error.name);
}
