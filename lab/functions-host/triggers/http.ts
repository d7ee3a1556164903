import type { IncomingMessage, ServerResponse } from "node:http";
import { type FunctionApp, functionsOf, triggerOf } from "../function-app";
import { arrayOf, textOf } from "../json";
import { HostRefused } from "../settings";
import type { NamedData, RegisteredFunction, RpcCookie, RpcHttp, TypedData } from "../worker/protocol";
import { compileRoute, type Route } from "./routes";

/** One function that answers HTTP, where it answers. */
export interface HttpFunction {
  readonly fn: RegisteredFunction;
  readonly triggerName: string;
  readonly route: Route;
}

/** Finds the function for a request. */
export class HttpRoutes {
  readonly all: readonly HttpFunction[];

  /** Throws HostRefused when a route cannot be understood or two functions claim the same one. */
  constructor(app: FunctionApp, routePrefix: string) {
    this.all = functionsOf(app, "httpTrigger")
      .map((fn) => toHttpFunction(fn, routePrefix))
      .sort((a, b) => (a.route.rank < b.route.rank ? -1 : a.route.rank > b.route.rank ? 1 : 0));
    const claimed = new Map<string, string>();
    for (const { fn, route } of this.all) {
      for (const method of route.methods.length === 0 ? ["any method"] : route.methods) {
        const key = `${method} /${route.template.toLowerCase()}`;
        const other = claimed.get(key);
        if (other !== undefined) {
          throw new HostRefused(`The functions "${other}" and "${fn.name}" both claim ${key}. Give one another route.`);
        }
        claimed.set(key, fn.name);
      }
    }
  }

  find(
    method: string,
    pathname: string,
  ): { fn: HttpFunction; parameters: Readonly<Record<string, string>> } | undefined {
    const path = decode(pathname).replace(/^\/|\/$/g, "");
    for (const fn of this.all) {
      const { methods } = fn.route;
      if (methods.length > 0 && !methods.includes(method.toUpperCase())) continue;
      const parameters = fn.route.match(path);
      if (parameters !== undefined) return { fn, parameters };
    }
    return undefined;
  }
}

function toHttpFunction(fn: RegisteredFunction, routePrefix: string): HttpFunction {
  const trigger = triggerOf(fn);
  const template = textOf(trigger?.binding["route"]) ?? fn.name;
  const methods = arrayOf(trigger?.binding["methods"]).flatMap((method) => textOf(method) ?? []);
  try {
    const route = compileRoute([routePrefix, template].filter((part) => part !== "").join("/"), methods);
    return { fn, triggerName: trigger?.name ?? "", route };
  } catch (error) {
    throw new HostRefused(`Function "${fn.name}": ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function decode(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

/** Reads a request body; undefined when it is longer than `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > limit) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** The trigger input for a request in buffered mode, as the host makes it. */
export function toRpcRequest(
  request: IncomingMessage,
  url: URL,
  parameters: Readonly<Record<string, string>>,
  body: Buffer,
): RpcHttp {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) query[name] = name in query ? `${query[name] ?? ""},${value}` : value;
  return {
    url: url.href,
    method: request.method ?? "GET",
    nullableHeaders: nullable(headers),
    nullableQuery: nullable(query),
    nullableParams: nullable(parameters),
    ...(body.length === 0 ? {} : { body: { bytes: body } }),
  };
}

function nullable(values: Readonly<Record<string, string>>): Readonly<Record<string, { readonly value: string }>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}

/** Writes what the function returned: its HTTP response, or 204 when it returned none. */
export function writeResponse(
  response: ServerResponse,
  returnValue: TypedData | null | undefined,
  outputs: readonly NamedData[],
): void {
  const http = returnValue?.http ?? outputs.find(({ data }) => data.http !== undefined)?.data.http;
  if (http === undefined) {
    response.writeHead(204).end();
    return;
  }
  for (const [name, value] of Object.entries(http.headers ?? {})) response.setHeader(name, value);
  const cookies = (http.cookies ?? []).map(renderCookie);
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  response.statusCode = Number(http.statusCode ?? 200);
  response.end(bytesOf(http.body));
}

function bytesOf(body: TypedData | null | undefined): Buffer {
  if (body?.bytes !== undefined) return Buffer.from(body.bytes);
  return Buffer.from(body?.string ?? body?.json ?? "");
}

/** In buffered mode the host, not the library, writes cookies (RFC 6265 §4.1). */
function renderCookie(cookie: RpcCookie): string {
  const sameSite: Readonly<Record<string, string>> = { lax: "Lax", strict: "Strict", explicitNone: "None" };
  const parts = [`${cookie.name}=${encodeURIComponent(cookie.value)}`];
  if (cookie.maxAge) parts.push(`Max-Age=${cookie.maxAge.value}`);
  if (cookie.domain) parts.push(`Domain=${cookie.domain.value}`);
  if (cookie.path) parts.push(`Path=${cookie.path.value}`);
  const expires = cookie.expires?.value;
  if (expires !== undefined) {
    parts.push(`Expires=${new Date(typeof expires === "string" ? expires : expires.seconds * 1000).toUTCString()}`);
  }
  if (cookie.httpOnly?.value === true) parts.push("HttpOnly");
  if (cookie.secure?.value === true) parts.push("Secure");
  const mode = sameSite[String(cookie.sameSite)];
  if (mode !== undefined) parts.push(`SameSite=${mode}`);
  return parts.join("; ");
}
