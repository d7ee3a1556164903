import type { IncomingHttpHeaders } from "node:http";
import type { AccessRight } from "./authorization";
import type { ThrottleName } from "./quotas";

/** A request that was authorized, matched and parsed. */
export interface HubRequest {
  /** By the names in the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined when there was no body. */
  readonly body: unknown;
  /** A fault says: answer as if it were done, and do nothing. */
  readonly pretend: boolean;
}

export interface HubResponse {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One operation of the service API. */
export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Segments in braces are parameters; the rest is compared without regard to case. */
  readonly path: string;
  /** The name faults and counters know it by. */
  readonly operation: string;
  readonly right: AccessRight;
  readonly write: boolean;
  /** The throttle it uses up, and how much of it; default: none. */
  readonly throttle?: { readonly name: ThrottleName; readonly cost?: (request: HubRequest) => number };
  /** The form of its errors; default: the registry's. */
  readonly errorForm?: "nested";
  /** What faults may be limited to; default: the first parameter. */
  readonly subject?: (request: HubRequest) => string;
  handle(request: HubRequest): HubResponse | Promise<HubResponse>;
}

export function ok(body: unknown, headers?: Record<string, string>): HubResponse {
  return { status: 200, body, ...(headers ? { headers } : {}) };
}

export const noContent: HubResponse = { status: 204 };

/** A parameter that the route's path guarantees. */
export function param(request: HubRequest, name: string): string {
  const value = request.params[name];
  if (value === undefined) throw new Error(`The route has no parameter '${name}'.`);
  return value;
}

/** `If-Match` as sent, quotes included; undefined when absent. */
export function ifMatch(request: HubRequest): string | undefined {
  return request.headers["if-match"];
}
