import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { TLSSocket } from "node:tls";
import { remoteOf } from "../mqtt/peer";
import { deviceTls, openOnLoopback, type ListenerCertificate, type OpenListener } from "../tls/device-listener";
import type { ApiRequest, ApiResponse } from "./api";
import { asArmError } from "./arm-errors";
import { dpsErrors, DpsError, errorBody } from "./errors";
import type { Outcome } from "./fault-effects";

/** What the listener serves, and with which certificate. */
export interface HttpsListenerOptions {
  readonly certificate: ListenerCertificate;
  readonly port: number;
  /** Milliseconds since the epoch, for error bodies. */
  now(): number;
  /** Answers a request or throws DpsError or ArmError; anything else thrown becomes a 500. */
  answer(request: ApiRequest): Promise<Outcome<ApiResponse>>;
}

/** Above any request the service takes: ten enrollments with certificates, or a device message of 96 KB. */
const largestBody = 1024 * 1024;

/** HTTPS on loopback for services and devices. No request and no handshake can take the process down. */
export async function listenHttps(options: HttpsListenerOptions): Promise<OpenListener> {
  const server = createServer({ ...deviceTls(options.certificate), keepAliveTimeout: 60_000 });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
    void respond(incoming, response, options);
  });
  return openOnLoopback(server, options.port);
}

async function respond(
  incoming: IncomingMessage,
  response: ServerResponse,
  options: HttpsListenerOptions,
): Promise<void> {
  incoming.on("error", () => undefined);
  response.on("error", () => undefined);
  let answer: ApiResponse;
  try {
    const outcome = await options.answer(await read(incoming));
    if (outcome.reply === "never") return;
    if (outcome.reply === "lost") {
      incoming.socket.destroy();
      return;
    }
    answer = outcome.answer;
  } catch (error) {
    answer = errorAnswer(error, incoming.url ?? "/", options.now());
  }
  send(response, answer);
}

function send(response: ServerResponse, { status, body, headers = {} }: ApiResponse): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  try {
    response.writeHead(status, {
      "x-ms-request-id": randomUUID(),
      // The SDKs parse a body only under this content type.
      ...(body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
      "content-length": Buffer.byteLength(text),
      ...headers,
    });
    response.end(text);
  } catch {
    response.destroy();
  }
}

async function read(incoming: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length > largestBody) throw dpsErrors.badRequest("The request is too large.");
    chunks.push(chunk);
  }
  const [path = "", search = ""] = (incoming.url ?? "/").split("?", 2);
  return {
    method: incoming.method ?? "GET",
    segments: decoded(path),
    query: new URLSearchParams(search),
    headers: incoming.headers,
    body: Buffer.concat(chunks),
    chain: () => (incoming.socket instanceof TLSSocket ? remoteOf(incoming.socket).chain : []),
  };
}

function decoded(path: string): string[] {
  const segments = path.split("/");
  if (segments.at(-1) === "") segments.pop();
  try {
    return segments.slice(1).map(decodeURIComponent);
  } catch {
    throw dpsErrors.badRequest("The path is not valid.");
  }
}

function errorAnswer(error: unknown, url: string, now: number): ApiResponse {
  if (url.toLowerCase().startsWith("/subscriptions")) {
    const armError = asArmError(error);
    return { status: armError.status, body: armError.body(), headers: retryAfter(error) };
  }
  const known = error instanceof DpsError ? error : dpsErrors.internal();
  return {
    status: known.status,
    body: errorBody(known, now),
    headers: { "x-ms-error-code": String(known.errorCode), ...retryAfter(known) },
  };
}

function retryAfter(error: unknown): Record<string, string> {
  const seconds = error instanceof DpsError ? error.retryAfterSeconds : undefined;
  return seconds === undefined ? {} : { "retry-after": String(seconds) };
}
