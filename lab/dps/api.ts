import type { IncomingHttpHeaders } from "node:http";
import type { DpsRight } from "./authorization";
import type { Operation } from "./fault-effects";

/** A request after reading: nothing in it has been judged yet. */
export interface ApiRequest {
  readonly method: string;
  /** Decoded, without empty ones at the ends: a trailing slash means nothing. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What the TLS client presented, DER, leaf first. */
  readonly chain: () => readonly Buffer[];
}

/** An answer before it is written to the wire. */
export interface ApiResponse {
  readonly status: number;
  /** Sent as JSON; absent: an empty body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a request asks for, found by its method and path. */
export interface ServiceOperation extends Operation<ApiResponse> {
  readonly right: DpsRight;
  /** Of the operations quota; default 1. */
  readonly cost?: number;
}

/** The value of a header that is sent once. */
export function header(request: ApiRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
