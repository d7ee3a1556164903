import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { arrayOf, type JsonObject, messageOf, objectOf, textOf } from "./json";
import { normalised, type RecordedHistory } from "./recorded-history";

const usage =
  "usage: record --from http://localhost:7071 [--out test/lab/functions-host/histories] [--code KEY] [--prefix ID]";
const api = "/runtime/webhooks/durabletask";

/**
 * Reads the histories of all finished instances of a running host and writes one file per orchestrator and outcome.
 * A history is `recorded` when it comes from Azure's own host, `derived` when it comes from this one: the host says of
 * itself which it is.
 */
export async function recordHistories(options: {
  readonly from: string;
  readonly out: string;
  /** System key of the extension; local hosts need none. */
  readonly code?: string;
  /** Only instances whose id begins so. */
  readonly prefix?: string;
}): Promise<readonly string[]> {
  const base = options.from.replace(/\/$/, "");
  const key = options.code === undefined ? "" : `&code=${encodeURIComponent(options.code)}`;
  const source = await sourceOf(base);
  mkdirSync(options.out, { recursive: true });
  const written: string[] = [];
  for (const found of await instances(`${base}${api}/instances/?showInput=false${key}`, options.prefix ?? "")) {
    const id = textOf(found["instanceId"]) ?? "";
    const url = `${base}${api}/instances/${id}?showHistory=true&showHistoryOutput=true${key}`;
    const { body } = await get(url);
    const instance = objectOf(body);
    const history: RecordedHistory = {
      source,
      name: textOf(instance["name"]) ?? "",
      runtimeStatus: textOf(instance["runtimeStatus"]) ?? "",
      events: normalised(arrayOf(instance["historyEvents"]).map(objectOf), id),
    };
    const file = join(options.out, `${history.name}-${history.runtimeStatus.toLowerCase()}.json`);
    if (written.includes(file)) continue;
    writeFileSync(file, `${JSON.stringify(history, null, 2)}\n`);
    written.push(file);
  }
  return written;
}

async function sourceOf(base: string): Promise<RecordedHistory["source"]> {
  const { body } = await get(`${base}/admin/host/status`);
  return objectOf(body)["lab"] === true ? "derived" : "recorded";
}

async function instances(url: string, prefix: string): Promise<JsonObject[]> {
  const all: JsonObject[] = [];
  let token = "";
  do {
    const { body, headers } = await get(url, token);
    all.push(...arrayOf(body).map(objectOf));
    token = headers.get("x-ms-continuation-token") ?? "";
  } while (token !== "");
  const done = new Set(["Completed", "Failed", "Terminated"]);
  return all.filter((one) => done.has(String(one["runtimeStatus"])) && String(one["instanceId"]).startsWith(prefix));
}

async function get(url: string, token = ""): Promise<{ readonly body: unknown; readonly headers: Headers }> {
  const response = await fetch(url, { headers: token === "" ? {} : { "x-ms-continuation-token": token } });
  if (!response.ok) {
    throw new Error(
      `${url} answered ${response.status}. Give --from the address of a running host, and --code its key.`,
    );
  }
  return { body: await response.json(), headers: response.headers };
}

/** The command line of the recorder. */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: "string" },
      out: { type: "string" },
      code: { type: "string" },
      prefix: { type: "string" },
    },
  });
  if (values.from === undefined) {
    process.stdout.write(`${usage}\n`);
    process.exitCode = 2;
    return;
  }
  const { from, code, prefix } = values;
  const written = await recordHistories({
    ...{ from, out: values.out ?? "test/lab/functions-host/histories" },
    ...(code === undefined ? {} : { code }),
    ...(prefix === undefined ? {} : { prefix }),
  });
  process.stdout.write(`${written.length} histories written.\n`);
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  });
}
