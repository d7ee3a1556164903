import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { handleApi } from "./client-api/endpoints";
import type { ApiContext } from "./client-api/api";
import { FunctionTimeout, type LoadedApp, triggerOf, WorkerLost } from "./function-app";
import { objectOf, textOf, tryParse } from "./json";
import { type HttpRoutes, readBody, toRpcRequest, writeResponse } from "./triggers/http";
import type { NamedData, RegisteredFunction } from "./worker/protocol";
import { forwardStreaming } from "./triggers/http-stream";
import { handleEventGrid } from "./triggers/event-grid";

export interface RequestContext {
  readonly pool: LoadedApp;
  readonly routes: HttpRoutes;
  readonly api: ApiContext;
  readonly maxBodyBytes: number;
  readonly extraInputs: (fn: RegisteredFunction) => readonly NamedData[];
  readonly log: (level: string, text: string) => void;
  /** Runs a function without HTTP trigger; undefined when there is none of this name. */
  readonly runManually: (name: string, input: string) => Promise<void> | undefined;
  /** Orchestration turns since the host was started. */
  readonly turns: () => number;
  /** The page that lists instances. */
  readonly page: (url: URL) => { readonly status: number; readonly type: string; readonly body: string } | undefined;
}

export const webhooksPath = "/runtime/webhooks/durabletask";
export const rpcPath = "/durabletask";

/** Answers one HTTP request of any kind. */
export async function handleRequest(
  context: RequestContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
  const path = url.pathname;
  const base = [webhooksPath, rpcPath].find((prefix) => path.startsWith(`${prefix}/`));
  const found = context.routes.find(request.method ?? "GET", path);
  if (found !== undefined && context.pool.httpUri !== undefined) {
    await forwardStreaming(context, found, url, request, response);
    return;
  }
  const body = await readBody(request, context.maxBodyBytes);
  if (body === undefined) {
    response.writeHead(413, { "content-type": "text/plain", connection: "close" });
    response.end(
      `The request body is longer than ${context.maxBodyBytes} bytes. Send less, or store it and send a reference.\n`,
    );
    return;
  }
  if (base !== undefined) return answerApi(context, base, url, request, body, response);
  if (path.toLowerCase() === "/runtime/webhooks/eventgrid")
    return handleEventGrid(context, url, request, body, response);
  const admin = /^\/admin\/functions\/([^/]+)$/i.exec(path)?.[1];
  if (admin !== undefined && request.method === "POST")
    return runManually(context, decodeURIComponent(admin), body, response);
  if (path.toLowerCase() === "/admin/host/status") {
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ state: "Running", lab: true, turns: context.turns() }));
    return;
  }
  if (found === undefined) {
    const page = request.method === "GET" ? context.page(url) : undefined;
    if (page === undefined) response.writeHead(404).end();
    else response.writeHead(page.status, { "content-type": page.type }).end(page.body);
    return;
  }
  await runHttp(context, found, url, request, body, response);
}

async function runHttp(
  context: RequestContext,
  { fn, parameters }: NonNullable<ReturnType<HttpRoutes["find"]>>,
  url: URL,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  try {
    const http = toRpcRequest(request, url, parameters, body);
    const answer = await context.pool.invoke({
      invocationId: randomUUID(),
      functionName: fn.fn.name,
      inputs: [{ name: fn.triggerName, data: { http } }, ...context.extraInputs(fn.fn)],
    });
    if (answer.ok) {
      writeResponse(response, answer.returnValue, answer.outputs);
      return;
    }
    context.log("error", `${fn.fn.name} failed: ${answer.stack === "" ? answer.message : answer.stack}`);
  } catch (error) {
    if (!(error instanceof WorkerLost || error instanceof FunctionTimeout)) throw error;
    context.log("error", `${fn.fn.name}: ${error.message}`);
  }
  response.writeHead(500).end();
}

async function answerApi(
  context: RequestContext,
  base: string,
  url: URL,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const answer = await handleApi(context.api, {
    method: request.method ?? "GET",
    path: url.pathname.slice(base.length + 1),
    query: url.searchParams,
    headers: request.headers,
    body: body.toString("utf8"),
  });
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.statusCode = answer.status;
  if (answer.body === undefined) {
    response.end();
    return;
  }
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(JSON.stringify(answer.body));
}

async function runManually(
  context: RequestContext,
  name: string,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const input = textOf(objectOf(tryParse(body.toString("utf8")))["input"]) ?? "";
  const running = context.runManually(name, input);
  if (running === undefined) {
    response
      .writeHead(404, { "content-type": "text/plain" })
      .end(`There is no function "${name}" that can be run so.\n`);
    return;
  }
  running.catch((error: unknown) => context.log("error", `${name}: ${String(error)}`));
  response.writeHead(202).end();
  await running.catch(() => undefined);
}

/** The trigger input of a manual run: text, which the library parses when it is JSON. */
export function manualInput(fn: RegisteredFunction, input: string): NamedData {
  return { name: triggerOf(fn)?.name ?? "", data: { string: input } };
}
