import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "./json";

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** A listening HTTP server whose handler may come later: requests that are early wait for it. */
export interface Listener {
  readonly port: number;
  serve(handler: RequestHandler): void;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 and, where there is one, ::1: SDKs say localhost, which is either. */
export async function listen(port: number, log: (text: string) => void): Promise<Listener> {
  let ready: (handler: RequestHandler) => void = () => undefined;
  const handler = new Promise<RequestHandler>((resolve) => {
    ready = resolve;
  });
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    handler
      .then((handle) => handle(request, response))
      .catch((error: unknown) => {
        log(`${request.method ?? ""} ${request.url ?? ""}: ${messageOf(error)}`);
        if (!response.headersSent) response.statusCode = 500;
        response.end();
      });
  };
  const first = createServer({ keepAliveTimeout: 30_000 }, onRequest);
  await bind(first, port, "127.0.0.1");
  const address = first.address() as AddressInfo;
  const second = createServer({ keepAliveTimeout: 30_000 }, onRequest);
  // Best effort: a machine without IPv6 has no ::1, and another program may hold this port there.
  const bound = await bind(second, address.port, "::1").then(
    () => true,
    () => false,
  );
  const servers = bound ? [first, second] : [first];
  return {
    port: address.port,
    serve: (handle) => ready(handle),
    close: async () => {
      await Promise.all(servers.map((server) => closeServer(server)));
    },
  };
}

function bind(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
