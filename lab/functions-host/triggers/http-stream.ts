import { randomUUID } from "node:crypto";
import { type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { triggerOf } from "../function-app";
import { messageOf } from "../json";
import type { Invocation, InvocationAnswer, NamedData, RegisteredFunction, TypedData } from "../worker/protocol";

interface StreamContext {
  readonly pool: { readonly httpUri: string | undefined; invoke(invocation: Invocation): Promise<InvocationAnswer> };
  readonly extraInputs: (fn: RegisteredFunction) => readonly NamedData[];
  readonly log: (level: string, text: string) => void;
}

const notForwarded = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "x-ms-invocation-id"]);

/**
 * HTTP streaming: the live request goes to the library's own server in the app's process, and the invocation only says
 * which function it is for. The response comes back on the forwarded connection.
 */
export async function forwardStreaming(
  context: StreamContext,
  target: { readonly fn: { readonly fn: RegisteredFunction }; readonly parameters: Readonly<Record<string, string>> },
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { fn } = target.fn;
  const invocationId = randomUUID();
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !notForwarded.has(name)) headers[name] = value;
  }
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  headers["x-ms-invocation-id"] = invocationId;
  headers["x-forwarded-host"] = request.headers.host ?? "localhost";
  headers["x-forwarded-proto"] = "http";
  const forwarded = httpRequest(new URL(`${url.pathname}${url.search}`, context.pool.httpUri), {
    method: request.method ?? "GET",
    headers,
    agent: false,
  });
  const answered = new Promise<void>((resolve) => {
    forwarded.on("response", (answer) => {
      response.statusCode = answer.statusCode ?? 200;
      for (const [name, value] of Object.entries(answer.headers)) {
        if (value !== undefined && !notForwarded.has(name)) response.setHeader(name, value);
      }
      answer.pipe(response);
      answer.on("close", resolve);
    });
    forwarded.on("error", () => resolve());
  });
  request.pipe(forwarded);
  response.on("close", () => forwarded.destroy());
  const parameters = Object.entries(target.parameters).map(([name, value]): [string, TypedData] => [
    name,
    { string: value },
  ]);
  const outcome = await context.pool
    .invoke({
      invocationId,
      functionName: fn.name,
      inputs: [{ name: triggerOf(fn)?.name ?? "", data: { http: {} } }, ...context.extraInputs(fn)],
      triggerMetadata: {
        Headers: { json: JSON.stringify(plain) },
        Query: { json: JSON.stringify(Object.fromEntries(url.searchParams)) },
        ...Object.fromEntries(parameters),
      },
    })
    .catch((error: unknown): InvocationAnswer => ({ ok: false, message: messageOf(error), stack: "" }));
  if (!outcome.ok) context.log("error", `${fn.name} failed: ${outcome.message}`);
  // The library has sent what there is by now; a handler that returned nothing would leave the caller waiting.
  await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 200))]);
  if (response.headersSent) return;
  forwarded.destroy();
  response.writeHead(outcome.ok ? 204 : 500).end();
}
