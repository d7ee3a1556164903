import type { OrchestrationClient } from "../engine/client";
import type { Store } from "../engine/store";

export interface ApiRequest {
  readonly method: string;
  /** Below the base address, without leading slash, not decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written as JSON; undefined: no body. */
  readonly body?: unknown;
}

export interface ApiContext {
  readonly client: OrchestrationClient;
  readonly store: Store;
  /** `http://localhost:PORT/runtime/webhooks/durabletask`. */
  readonly baseUrl: string;
  readonly hubName: string;
  now(): number;
  wait(ms: number): Promise<void>;
}

export function notFound(): ApiResponse {
  return { status: 404 };
}
