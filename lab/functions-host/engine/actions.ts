import { arrayOf, isObject, numberOf, objectOf, textOf, tryParse } from "../json";
import type { FailureDetails } from "./history";

/** Retry options of an action, as `RetryOptions` of durable-functions serialises them; times in milliseconds. */
export interface RetryOptions {
  readonly firstRetryIntervalInMilliseconds: number;
  readonly maxNumberOfAttempts: number;
  /** Default 1. */
  readonly backoffCoefficient: number;
  /** Default 6 days. */
  readonly maxRetryIntervalInMilliseconds: number;
  /** Default: no limit. */
  readonly retryTimeoutInMilliseconds: number;
}

/** What an orchestrator function asked for, in the order in which it yielded it (`actionType` numbers of the SDK). */
export type Action =
  | { readonly kind: "activity"; readonly name: string; readonly input: unknown; readonly retry?: RetryOptions }
  | {
      readonly kind: "child";
      readonly name: string;
      readonly input: unknown;
      readonly instanceId?: string;
      readonly version?: string;
      readonly retry?: RetryOptions;
    }
  | { readonly kind: "continue-as-new"; readonly input: unknown }
  | { readonly kind: "timer"; readonly fireAt: number; readonly cancelled: boolean }
  | { readonly kind: "event"; readonly name: string }
  | {
      readonly kind: "entity";
      readonly signal: boolean;
      readonly entityId: string;
      readonly operation: string;
      readonly input: unknown;
      readonly due?: string;
    }
  | { readonly kind: "http"; readonly request: HttpCall }
  | { readonly kind: "any" | "all"; readonly children: readonly Action[] }
  | { readonly kind: "lock"; readonly lockRequestId: string; readonly lockSet: readonly EntityName[] }
  | { readonly kind: "release" };

export interface EntityName {
  readonly name: string;
  readonly key: string;
}

/** A `callHttp` request as the SDK serialises it. */
export interface HttpCall {
  readonly method: string;
  readonly uri: string;
  readonly content?: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly asynchronousPatternEnabled: boolean;
}

/** What the orchestrator function returned, or what its failure carried. */
export interface OrchestratorAnswer {
  readonly isDone: boolean;
  readonly actions: readonly Action[];
  readonly output?: unknown;
  readonly customStatus?: unknown;
  readonly error?: string;
  readonly failureDetails?: FailureDetails;
}

/** The answer names something this host does not speak; the message says what and where it is described. */
export class UnsupportedAction extends Error {
  override readonly name = "UnsupportedAction";
}

/** Reads the state an orchestrator function returned (`OrchestratorState` of durable-functions). */
export function readAnswer(state: unknown): OrchestratorAnswer {
  const fields = objectOf(state);
  const schema = numberOf(fields["schemaVersion"]);
  if (schema === 0) {
    throw new UnsupportedAction("Replay schema V1 is not supported: its rules are imprecise; use durable-functions 3.");
  }
  const error = textOf(fields["error"]);
  const failureDetails = readFailureDetails(fields["failureDetails"]);
  return {
    isDone: fields["isDone"] === true,
    actions: arrayOf(fields["actions"]).flatMap((list) => arrayOf(list).map(readAction)),
    ...("output" in fields ? { output: fields["output"] } : {}),
    ...("customStatus" in fields ? { customStatus: fields["customStatus"] } : {}),
    ...(error === undefined ? {} : { error }),
    ...(failureDetails === undefined ? {} : { failureDetails }),
  };
}

const marker = /\n\n\$OutOfProcData\$:([\s\S]*)$/;

/** Reads what a thrown orchestrator error carries behind the SDK's marker; undefined without a readable one. */
export function readFailure(message: string): OrchestratorAnswer | undefined {
  const carried = marker.exec(message)?.[1];
  const state = carried === undefined ? undefined : tryParse(carried);
  if (!isObject(state)) return undefined;
  const answer = readAnswer(state);
  return { ...answer, error: answer.error ?? "" };
}

function readAction(value: unknown): Action {
  const fields = objectOf(value);
  const text = (key: string): string => textOf(fields[key]) ?? "";
  const input = fields["input"];
  const type = numberOf(fields["actionType"]);
  switch (type) {
    case 0:
      return { kind: "activity", name: text("functionName"), input };
    case 1:
      return { kind: "activity", name: text("functionName"), input, retry: readRetry(fields["retryOptions"]) };
    case 2:
    case 3: {
      const instanceId = textOf(fields["instanceId"]);
      const version = textOf(fields["version"]);
      return {
        kind: "child",
        name: text("functionName"),
        input,
        ...(instanceId === undefined || instanceId === "" ? {} : { instanceId }),
        ...(version === undefined ? {} : { version }),
        ...(type === 3 ? { retry: readRetry(fields["retryOptions"]) } : {}),
      };
    }
    case 4:
      return { kind: "continue-as-new", input };
    case 5:
      return { kind: "timer", fireAt: Date.parse(text("fireAt")), cancelled: fields["isCanceled"] === true };
    case 6:
      return { kind: "event", name: text("externalEventName") };
    case 7:
    case 9:
      return {
        kind: "entity",
        signal: type === 9,
        entityId: text("instanceId"),
        operation: text("operation"),
        input,
      };
    case 8:
      return { kind: "http", request: readHttpCall(objectOf(fields["httpRequest"])) };
    case 11:
    case 12:
      return { kind: type === 11 ? "any" : "all", children: arrayOf(fields["compoundActions"]).map(readAction) };
    case 13:
      return {
        kind: "lock",
        lockRequestId: text("lockRequestId"),
        lockSet: arrayOf(fields["lockSet"]).map((entry) => {
          const id = objectOf(entry);
          return { name: textOf(id["name"]) ?? "", key: textOf(id["key"]) ?? "" };
        }),
      };
    case 14:
      return { kind: "release" };
    default:
      throw new UnsupportedAction(`Action type ${String(fields["actionType"])} is not supported; see fidelity.md.`);
  }
}

function readRetry(value: unknown): RetryOptions {
  const fields = objectOf(value);
  return {
    firstRetryIntervalInMilliseconds: numberOf(fields["firstRetryIntervalInMilliseconds"]) ?? 1,
    maxNumberOfAttempts: numberOf(fields["maxNumberOfAttempts"]) ?? 1,
    backoffCoefficient: numberOf(fields["backoffCoefficient"]) ?? 1,
    maxRetryIntervalInMilliseconds: numberOf(fields["maxRetryIntervalInMilliseconds"]) ?? 6 * 86_400_000,
    retryTimeoutInMilliseconds: numberOf(fields["retryTimeoutInMilliseconds"]) ?? Number.POSITIVE_INFINITY,
  };
}

function readHttpCall(fields: Readonly<Record<string, unknown>>): HttpCall {
  const content = textOf(fields["content"]);
  return {
    method: textOf(fields["method"]) ?? "GET",
    uri: textOf(fields["uri"]) ?? "",
    headers: objectOf(fields["headers"]),
    asynchronousPatternEnabled: fields["asynchronousPatternEnabled"] !== false,
    ...(content === undefined ? {} : { content }),
  };
}

/** `failureDetails` of the SDK: names begin in either case, depending on its version. */
export function readFailureDetails(value: unknown): FailureDetails | undefined {
  if (!isObject(value)) return undefined;
  const field = (name: string): unknown => value[name] ?? value[name.charAt(0).toLowerCase() + name.slice(1)];
  const errorMessage = textOf(field("ErrorMessage"));
  if (errorMessage === undefined) return undefined;
  const properties = field("Properties");
  return {
    ErrorType: textOf(field("ErrorType")) ?? "Error",
    ErrorMessage: errorMessage,
    StackTrace: textOf(field("StackTrace")) ?? null,
    InnerFailure: readFailureDetails(field("InnerFailure")) ?? null,
    IsNonRetriable: field("IsNonRetriable") === true,
    Properties: isObject(properties) ? properties : null,
  };
}
