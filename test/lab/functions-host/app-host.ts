import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HistoryEvent, isFinal, statusName } from "../../../lab/functions-host/engine/history";
import { startHost } from "../../../lab/functions-host/host";
import type { HostOptions, LogLine } from "../../../lab/functions-host/options";
import type { RunningHost } from "../../../lab/functions-host/running-host";

export const appsDir = join(__dirname, "../../fixtures/apps");

/** A host under test with what tests ask of it again and again. */
export interface AppHost {
  readonly host: RunningHost;
  readonly log: LogLine[];
  /** Starts an instance; `id` only where a test needs a certain one. */
  start(name: string, input?: unknown, id?: string): string;
  raise(id: string, name: string, value: unknown): void;
  /** Resolves with status and parsed output when the instance has ended. */
  ended(id: string): Promise<{ readonly status: string; readonly output: unknown }>;
  /** Resolves when the condition holds; rejects with what the log said when it does not in ten seconds. */
  until(condition: () => boolean, what: string): Promise<void>;
  run(name: string, input?: unknown): Promise<{ readonly status: string; readonly output: unknown }>;
  /** The history in short: `4#0` scheduled, `5→0` completed; turns (12, 13) left out. */
  history(id: string): string;
  stop(): Promise<void>;
}

/** Starts the named fixture app on a store of its own. */
export async function startApp(app: string, options: Partial<HostOptions> = {}): Promise<AppHost> {
  const folder = mkdtempSync(join(tmpdir(), "functions-host-"));
  const log: LogLine[] = [];
  const host = await startHost({
    appDir: join(appsDir, app),
    storeFile: join(folder, "host.db"),
    log: (line) => log.push(line),
    ...options,
  });
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const begun = Date.now();
    while (!condition()) {
      if (Date.now() - begun > 10_000) {
        const said = log.map(({ level, text }) => `${level}: ${text}`).join("\n");
        throw new Error(`${what} did not happen in ten seconds.\n${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
  const start = (name: string, input?: unknown, id?: string): string =>
    host.engine.client.start(name, { input: json(input), ...(id === undefined ? {} : { instanceId: id }) });
  const ended = async (id: string) => {
    const status = () => host.store.instance(id)?.status;
    await until(
      () => {
        const now = status();
        return now !== undefined && isFinal(now);
      },
      `The end of ${host.store.instance(id)?.name ?? id}`,
    );
    const instance = host.store.instance(id)!;
    return { status: statusName(instance.status), output: parsed(instance.output) };
  };
  return {
    host,
    log,
    start,
    ended,
    until,
    raise: (id, name, value) => host.engine.client.raiseEvent(id, name, JSON.stringify(value)),
    run: (name, input) => ended(start(name, input)),
    history: (id) => notation(host.store.history(id)),
    stop: async () => {
      await host.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function parsed(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** One word per event: type, `#id` for what was scheduled, `→id` for what it became. */
export function notation(events: readonly HistoryEvent[]): string {
  return events
    .filter(({ EventType }) => EventType !== 12 && EventType !== 13)
    .map((event) => {
      if (event.EventId >= 0) return `${event.EventType}#${event.EventId}`;
      if ("TaskScheduledId" in event) return `${event.EventType}→${event.TaskScheduledId}`;
      if (event.EventType === 11) return `11→${event.TimerId}`;
      return String(event.EventType);
    })
    .join(" ");
}
