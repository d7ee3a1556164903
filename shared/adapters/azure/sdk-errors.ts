import { RollError } from "../../domain/roll-error";
import { TIMED_OUT, UNEXPECTED_ANSWER } from "./bounded-http";

/** An SDK's error, read once: what the service said, without the request, which carries the credential. */
export interface ServiceFailure {
  /** HTTP status; undefined if no answer came. */
  readonly status: number | undefined;
  /** The service's own code as text (`404201`, `DeviceNotFound`), or Node's (`ECONNREFUSED`). */
  readonly code: string | undefined;
  /** One line, at most 300 characters, credentials removed. */
  readonly detail: string;
  /** False if the request certainly never reached the service. */
  readonly mayHaveArrived: boolean;
  readonly retryAfterMs: number | undefined;
  /** The answer's body as text. */
  readonly body: string | undefined;
}

/** Reads what any of the three SDKs throws (`azure-iothub`, `azure-iot-provisioning-service`, `arm-…`). Never throws. */
export function readFailure(error: unknown): ServiceFailure {
  const response = property(error, "response");
  const credential = error instanceof Error && /^(Aggregate)?Authentication|^Credential/.test(error.name);
  // Entra's status says nothing about the service that was to be called.
  const status = credential
    ? undefined
    : (asNumber(property(response, "statusCode")) ?? asNumber(property(error, "statusCode")));
  const raw = property(error, "responseBody");
  const body = typeof raw === "string" ? raw : asText(property(response, "bodyAsText"));
  const told = status === undefined ? undefined : readBody(body);
  const code = asText(header(response, "iothub-errorcode")) ?? told?.code ?? asText(property(error, "code"));
  const text = told?.message ?? (error instanceof Error ? `${error.name}: ${error.message}` : "no error object");
  return {
    status,
    code,
    detail: clean(told?.trackingId === undefined ? text : `${text} (tracking id ${told.trackingId})`),
    mayHaveArrived: status !== undefined || !(credential || neverSent(error, code)),
    retryAfterMs: retryAfterMs(header(response, "retry-after"), text),
    body,
  };
}

/** The outage or bug behind a failure that no rule foresees. `service` is named in the message, the cause is not kept. */
export function toRollError(service: string, failure: ServiceFailure): RollError {
  const { status, code, detail } = failure;
  const said = status === undefined ? "did not answer" : `answered ${status}`;
  const message = `${service} ${said}${code === undefined ? "" : ` (${code})`}: ${detail}`;
  const options = failure.retryAfterMs === undefined ? undefined : { retryAfterMs: failure.retryAfterMs };
  // IoT Hub answers 403 for spent quotas too.
  if (status === 429 || /^403002|^403003|QuotaExceeded/.test(code ?? ""))
    return new RollError("service-throttled", message, true, options);
  if (status === 401 || status === 403) return new RollError("service-denied-us", message, false, options);
  if (status !== undefined && status >= 500) return new RollError("service-unavailable", message, true, options);
  if (status === 408) return new RollError("service-unavailable", message, true, options);
  if (status !== undefined) return new RollError("service-answer-unreadable", message, false, options);
  if (code === UNEXPECTED_ANSWER) return new RollError("service-answer-unreadable", message, false);
  // Not JSON although it says so: a gateway's page, which is gone when the gateway is well again.
  if (detail.startsWith("SyntaxError")) return new RollError("service-answer-unreadable", message, true);
  // An identity endpoint that is down looks the same as a missing role: trying again does no harm.
  if (/^(Aggregate)?Authentication|^Credential/.test(detail))
    return new RollError("service-denied-us", message, true, options);
  return new RollError("service-unavailable", message, true, options);
}

/** The answer came and does not have the documented form. `retryable` false: it is not a matter of time. */
export function unreadable(service: string, what: string): RollError {
  return new RollError("service-answer-unreadable", `${service} answered something unexpected: ${clean(what)}`, false);
}

interface Told {
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly trackingId: string | undefined;
}

/**
 * The error envelopes of DPS (`{errorCode, message, trackingId}`), of ARM (`{error: {code, message}}`) and of IoT Hub:
 * `{Message: "ErrorCode:X;text"}`, or the DPS form, or the DPS form as text inside `Message` (direct methods).
 */
function readBody(body: string | undefined): Told | undefined {
  const parsed = parseJson(body);
  const inner = property(parsed, "error") ?? parsed;
  const message = asText(property(inner, "message")) ?? asText(property(inner, "Message"));
  const nested = message?.startsWith("{") === true ? readBody(message) : undefined;
  if (nested !== undefined) return nested;
  const [, name, text] = /^ErrorCode:(\w+);([\s\S]*)$/.exec(message ?? "") ?? [];
  const number = asNumber(property(inner, "errorCode"));
  const code = name ?? (number === undefined ? asText(property(inner, "code")) : String(number));
  if (message === undefined && code === undefined) return undefined;
  return { code, message: text ?? message, trackingId: asText(property(inner, "trackingId")) };
}

const BEFORE_SENDING = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  ...["DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ...["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID"],
]);

function neverSent(error: unknown, code: string | undefined): boolean {
  if (code === TIMED_OUT) return false;
  return property(error, "syscall") === "connect" || BEFORE_SENDING.has(code ?? "");
}

/** Seconds in the header, or in IoT Hub's sentence "Wait 10 seconds and try again". */
function retryAfterMs(value: unknown, text: string): number | undefined {
  const seconds = /^\d{1,6}$/.exec(asText(value) ?? "")?.[0] ?? /Wait (\d{1,6}) seconds/i.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

const CREDENTIALS =
  /SharedAccessSignature\s[^"'\n]*|(?:SharedAccessKey|AccountKey|sig|skn)=[^;&\s"']+|Bearer\s+[^\s"']+|eyJ[\w-]+\.[\w-]+\.[\w-]*/gi;

/** One line, at most 300 characters, credentials removed. */
export function clean(text: string): string {
  const line = text.replace(CREDENTIALS, "(removed)").replace(/\s+/g, " ").trim();
  return line.length <= 300 ? line : `${line.slice(0, 299)}…`;
}

/** `headers[name]` of node:http, or `headers.get(name)` of the ARM library. */
function header(response: unknown, name: string): unknown {
  const headers = property(response, "headers");
  const get = property(headers, "get");
  return typeof get === "function" ? Reflect.apply(get, headers, [name]) : property(headers, name);
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
