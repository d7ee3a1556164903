import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { sleep } from "../clock";
import { authorize } from "./authorization";
import type { HubCore } from "./core";
import { errorOfStatus, HubError, invalid } from "./errors";
import type { HubRequest, HubResponse, Route } from "./route";

export interface HubHttpServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Bodies of the service API end far below this. */
const maximumBodyBytes = 4 * 1_024 * 1_024;

/** Serves the routes over HTTPS on 127.0.0.1. Whatever a request holds, it gets an answer in the hub's own form. */
export async function serveHttp(
  core: HubCore,
  routes: readonly Route[],
  certificate: { readonly chainPem: string; readonly privateKeyPem: string },
  port = 0,
): Promise<HubHttpServer> {
  const table = routes.map((route) => ({ route, pattern: patternOf(route.path) }));
  const sockets = new Set<Socket>();
  const server: Server = createServer(
    { cert: certificate.chainPem, key: certificate.privateKeyPem, keepAliveTimeout: 60_000 },
    (request, response) => void answer(core, table, request, response),
  );
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve());
  });
  server.on("error", () => undefined);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The listener has no port.");
  return {
    port: address.port,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface TableEntry {
  readonly route: Route;
  readonly pattern: RegExp;
}

async function answer(core: HubCore, table: readonly TableEntry[], message: IncomingMessage, response: ServerResponse) {
  response.on("error", () => undefined);
  let route: Route | undefined;
  try {
    const url = new URL(message.url ?? "/", "https://hub");
    const body = await bodyOf(message);
    const match = find(table, message.method ?? "", url.pathname);
    route = match.route;
    authorize(message.headers.authorization, route.right, core.policies, core.hostName, core.clock.now());
    if (!url.searchParams.has("api-version")) throw invalid("The query string must hold 'api-version'.");
    const request = { params: match.params, query: url.searchParams, headers: message.headers, body: parse(body) };
    const result = await perform(core, route, request);
    if (result === "hang") return;
    if (result === "drop") message.socket.destroy();
    else send(response, result);
  } catch (error) {
    send(response, refusalOf(core, error, route?.errorForm));
  }
}

async function perform(
  core: HubCore,
  route: Route,
  raw: Omit<HubRequest, "pretend">,
): Promise<HubResponse | "hang" | "drop"> {
  const plain = { ...raw, pretend: false };
  const subject = route.subject?.(plain) ?? Object.values(raw.params)[0] ?? "";
  const effects = core.faults.take(route.operation, subject);
  for (const effect of effects) {
    if (effect.kind === "latency") await sleep(core.clock, effect.ms);
    if (effect.kind === "hang") return "hang";
    if (effect.kind === "status") throw errorOfStatus(effect.status, effect.retryAfterSeconds, route.errorForm);
  }
  if (route.throttle) {
    const cost = route.throttle.cost?.(plain) ?? 1;
    core.quotas.take(route.throttle.name, cost, core.switches.retryAfterOnThrottle, route.errorForm);
  }
  const pretend = effects.some((effect) => effect.kind === "acknowledged-not-done");
  const response = await route.handle({ ...raw, pretend });
  if (!pretend) await core.faults.done({ operation: route.operation, subject, write: route.write });
  return effects.some((effect) => effect.kind === "reply-lost") ? "drop" : response;
}

function refusalOf(core: HubCore, error: unknown, form: "nested" | undefined): HubResponse {
  const known =
    error instanceof HubError
      ? error
      : new HubError("ServerError", "An internal error occurred.", form ? { form } : {});
  return {
    status: known.status,
    body: known.toBody(core.clock.now()),
    headers: {
      "iothub-errorcode": known.code,
      ...(known.details.retryAfterSeconds === undefined
        ? {}
        : { "retry-after": String(known.details.retryAfterSeconds) }),
    },
  };
}

function find(table: readonly TableEntry[], method: string, path: string) {
  let pathKnown = false;
  for (const { route, pattern } of table) {
    const match = pattern.exec(path);
    if (!match) continue;
    pathKnown = true;
    if (route.method !== method) continue;
    const params: Record<string, string> = {};
    for (const [name, value] of Object.entries(match.groups ?? {})) params[name] = decode(value);
    return { route, params };
  }
  if (pathKnown) throw new HubError("MethodNotAllowed", `The method ${method} is not allowed here.`);
  throw new HubError("ResourceNotFound", "The resource was not found.");
}

function patternOf(path: string): RegExp {
  const source = path.replace(/[.]/g, "\\.").replace(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return new RegExp(`^${source}/?$`, "i");
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalid("The path is not valid.");
  }
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk as Uint8Array);
    length += bytes.length;
    if (length > maximumBodyBytes) throw new HubError("RequestEntityTooLarge", "The request is too large.");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(body: string): unknown {
  if (body.trim() === "") return undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    return parsed;
  } catch {
    throw new HubError("IotHubFormatError", "The request body is not valid JSON.");
  }
}

function send(response: ServerResponse, { status, body, headers }: HubResponse): void {
  if (response.headersSent || response.destroyed) return;
  const text = body === undefined ? "" : JSON.stringify(body);
  response.writeHead(status, {
    ...(body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
    "content-length": Buffer.byteLength(text),
    vary: "Origin",
    ...headers,
  });
  response.end(text);
}
