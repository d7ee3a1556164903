import { createServer } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { serverCertificate } from "./lab-dps-pki";

/** A request as it came over the wire. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown;
  /** SNI. */
  readonly serverName: unknown;
}

/** What to do with the next request. */
export type Script =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  /** The body as it is, with a JSON content type. */
  | { readonly status: number; readonly text: string }
  /** Never answers; `partial`: sends headers and the beginning of a body first. */
  | { readonly hang: "silent" | "partial" }
  /** Drops the connection. */
  | { readonly drop: true };

/** An HTTPS server under the lab's names that answers by script, to show what the emulators have no reason to. */
export async function startScriptedService() {
  const seen: SeenRequest[] = [];
  const scripts: Script[] = [];
  const sockets = new Set<Duplex>();
  let connections = 0;
  const options = { key: serverCertificate.privateKeyPem, cert: serverCertificate.chainPem };
  const server = createServer(options, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      seen.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: text === "" ? undefined : (JSON.parse(text) as unknown),
        serverName: request.socket instanceof TLSSocket ? request.socket.servername : undefined,
      });
      const script = scripts.shift() ?? { status: 500, body: { message: "no script" } };
      if ("drop" in script) return void request.socket.destroy();
      if ("hang" in script) {
        if (script.hang === "partial") response.writeHead(200, { "content-type": "application/json" }).write('{"a":');
        return;
      }
      const body = "text" in script ? script.text : script.body === undefined ? "" : JSON.stringify(script.body);
      const headers = "headers" in script ? script.headers : {};
      response.writeHead(script.status, { "content-type": "application/json; charset=utf-8", ...headers }).end(body);
    });
  });
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    /** Answers for the coming requests, in order. */
    answer: (...next: Script[]) => void scripts.push(...next),
    connections: () => connections,
    /** Resolves when the clients have closed all their connections. */
    allClosed: async () => {
      while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    stop: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

export type ScriptedService = Awaited<ReturnType<typeof startScriptedService>>;
