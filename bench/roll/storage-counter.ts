import { Agent, createServer, request as send } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Azurite } from "../../lab/storage/azurite";

export type StorageKind = "table" | "blob" | "queue";

/** Stands between an app and its storage and counts what goes through: one request is one operation, as Azure bills it. */
export interface StorageCounter {
  /** Of the same account, through the counter. */
  readonly connectionString: string;
  /** Since the counter was started. */
  counts(): Readonly<Record<StorageKind, number>>;
  /** The same by kind, method and table or first part of the blob's name: where operations go. */
  details(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** One door per endpoint of the account. */
export async function startStorageCounter(
  azurite: Pick<Azurite, "connectionString" | "tableEndpoint" | "blobEndpoint" | "queueEndpoint">,
): Promise<StorageCounter> {
  const counts: Record<StorageKind, number> = { table: 0, blob: 0, queue: 0 };
  const details = new Map<string, number>();
  const agent = new Agent({ keepAlive: true });
  const open = async (kind: StorageKind, endpoint: string): Promise<{ server: Server; endpoint: string }> => {
    const { port, pathname } = new URL(endpoint);
    const server = createServer((request, response) => {
      counts[kind] += 1;
      pass(request, response, { agent, port: Number(port) }, (head) => {
        const what = `${kind} ${request.method ?? ""} ${subjectOf(request.url ?? "", pathname, head)}`;
        details.set(what, (details.get(what) ?? 0) + 1);
      });
    });
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    const { port: own } = server.address() as AddressInfo;
    return { server, endpoint: `http://127.0.0.1:${own}${pathname}` };
  };
  const [table, blob, queue] = await Promise.all([
    open("table", azurite.tableEndpoint),
    open("blob", azurite.blobEndpoint),
    open("queue", azurite.queueEndpoint),
  ]);
  return {
    connectionString: azurite.connectionString
      .replace(azurite.tableEndpoint, table.endpoint)
      .replace(azurite.blobEndpoint, blob.endpoint)
      .replace(azurite.queueEndpoint, queue.endpoint),
    counts: () => ({ ...counts }),
    details: () => new Map(details),
    stop: async () => {
      agent.destroy();
      await Promise.all(
        [table, blob, queue].map(({ server }) => {
          server.closeAllConnections();
          return new Promise((closed) => server.close(closed));
        }),
      );
    },
  };
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  { agent, port }: { readonly agent: Agent; readonly port: number },
  note: (head: string) => void,
): void {
  // The host header stays as it came: Azurite builds from it the addresses that it hands out.
  const { method, url: path, headers } = request;
  const onward = send({ agent, host: "127.0.0.1", port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.once("error", () => response.destroy());
  request.once("data", (chunk: Buffer) => note(chunk.toString("latin1", 0, 2_000)));
  request.once("end", () => {
    if (!hasBody(request)) note("");
  });
  request.pipe(onward);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
}

/** `batches` for its rows, transactions included; `rolls/request.json` for a blob, with ids and numbers left out. */
function subjectOf(url: string, account: string, head: string): string {
  const path = decodeURIComponent(url.split("?")[0] ?? "").slice(account.length + 1);
  if (path === "$batch") return `${/\/devstoreaccount1\/(\w+)/.exec(head)?.[1] ?? "?"} (transaction)`;
  return path.replace(/\(.*$/, "").replace(/[0-9A-Z]{8}T?[0-9A-Za-z-]{6,}|\d+/g, "*");
}
