import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startHost } from "../../lab/functions-host/host";
import { InProcessApp } from "../../lab/functions-host/in-process-app";
import { VirtualClock } from "../../lab/functions-host/virtual-clock";
import { nodeCertificateReader } from "../../shared/adapters/x509/node-certificate-reader";
import { instant } from "../../shared/domain/instant";
import type { Notice } from "../../shared/domain/notice";
import { ratesOf } from "../../shared/domain/pacing/rates";
import type { Clock } from "../../shared/ports/clock";
import { DayStream } from "./day-stream";
import { FakeAzure } from "./fake-azure";
import { MemoryAutoContainBudget } from "./memory-auto-contain";
import { MemoryControlStore } from "./memory-control";
import { MemoryDenyLedger } from "./memory-deny-ledger";
import { MemoryDeviceDataStore } from "./memory-devices";
import { MemoryDueRows } from "./memory-due-rows";
import { MemoryEvidenceStore } from "./memory-evidence";
import { MemoryAlertLog, MemoryPolicyStore, MemoryProposalStore, MemorySourceCounters } from "./memory-intake";
import { MemoryInventoryStore } from "./memory-inventory";
import { MemoryIssuanceStore, MemoryReplacementSource } from "./memory-issuance";
import { MemoryRollJournal } from "./memory-journal";
import { MemoryLedger } from "./memory-ledger";
import { MemoryOutbox } from "./memory-outbox";
import {
  MemoryBatchStore,
  MemoryClaimStore,
  MemoryFactStore,
  MemoryPoisonStore,
  MemoryRollBlobs,
  MemoryRollStore,
} from "./memory-stores";
import { MemoryTargetClaims } from "./memory-target-claims";

export const HUB = "ih-fleet-prod.azure-devices.net";
export const SECRET = "0123456789abcdef0123456789abcdef";

const KEY = Buffer.from("0123456789abcdef").toString("base64");
const SETTINGS = {
  ROLLCALL_STORAGE: "UseDevelopmentStorage=true",
  ROLLCALL_DPS_CONNECTION: `HostName=dps-fleet.azure-devices-provisioning.net;SharedAccessKeyName=app;SharedAccessKey=${KEY}`,
  ROLLCALL_DPS_RESOURCE_ID:
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Devices/provisioningServices/dps-fleet",
  ROLLCALL_HUB_CONNECTIONS: JSON.stringify([`HostName=${HUB};SharedAccessKeyName=app;SharedAccessKey=${KEY}`]),
  ROLLCALL_WEBHOOK_SECRETS: SECRET,
  ROLLCALL_HEARTBEATS: "in memory",
  ROLLCALL_HEARTBEATS_HUB: "fleet",
  ROLLCALL_HEARTBEATS_GROUP: "$Default",
  ROLLCALL_ALERTS: "in memory",
  ROLLCALL_ALERTS_HUB: "alerts",
  ROLLCALL_CONNECTION_LOGS: "in memory",
  ROLLCALL_CONNECTION_LOGS_HUB: "connection-logs",
  ROLLCALL_GRID_ALERTS: "true",
  ROLLCALL_NOTIFY: JSON.stringify([{ kind: "webhook", url: "https://soc.example/notices", secret: SECRET }]),
  ROLLCALL_SWEEP_SCHEDULE: "0 */5 * * * *",
  ROLLCALL_POLL_MS: "300000",
  ROLLCALL_RECHECK_MS: "900000",
  ROLLCALL_DEADLINE_HOURS: "6",
  TASK_HUB_NAME: "day",
};

/** The app, whole, on a clock that jumps from one thing to the next. */
export interface DayApp {
  readonly clock: VirtualClock;
  readonly azure: FakeAzure;
  readonly heartbeats: DayStream;
  readonly exported: DayStream;
  readonly logs: DayStream;
  readonly replacements: MemoryReplacementSource;
  readonly poison: MemoryPoisonStore;
  /** What operators were told. */
  readonly notices: readonly Notice[];
  /** What the host complained of. */
  readonly complaints: readonly string[];
  /** How often each function ran. */
  readonly runs: ReadonlyMap<string, number>;
  /** Does something once that time has come; the clock stands still until it is done. */
  at(time: number, act: () => Promise<void>): void;
  /** Lets time pass up to this moment. Rejects with what went wrong in an act. */
  until(time: number): Promise<void>;
  /** Over HTTP. */
  ask(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly body: unknown }>;
  /** As Event Grid calls a function of its trigger. */
  grid(functionName: string, events: readonly object[]): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Loads functions/index.ts, the composition root that Azure loads, with its adapters replaced by what passes the same
 * contract suites in memory, and runs it in the lab's host: its real timers, triggers, HTTP routes and Durable engine, on
 * virtual time. Call it once per test file.
 */
export async function startDay(begin: number): Promise<DayApp> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-day-"));
  const virtual = new VirtualClock(begin);
  virtual.pause();
  const now = (): number => virtual.now();
  const clock: Clock = { now: () => instant(now()) };
  const azure = new FakeAzure({ clock, hubNames: [HUB] });
  const heartbeats = new DayStream("fleet", now);
  const exported = new DayStream("alerts", now);
  const logs = new DayStream("connection-logs", now);
  const replacements = new MemoryReplacementSource(nodeCertificateReader);
  const poison = new MemoryPoisonStore();
  const notices: Notice[] = [];
  const complaints: string[] = [];

  const app = new InProcessApp((level, category, text) => {
    if (level === "error") complaints.push(`${category}: ${text}`);
  });
  jest.doMock("@azure/functions-core", () => app.core.api(), { virtual: true });
  replaceAdapters({ clock, azure, replacements, poison, notices });
  Object.assign(process.env, SETTINGS);
  jest.requireActual("../../functions/index");
  app.loaded();

  const streams = [heartbeats, exported, logs];
  const runs = new Map<string, number>();
  const invoke = app.invoke.bind(app);
  app.invoke = (invocation) => {
    runs.set(invocation.functionName, (runs.get(invocation.functionName) ?? 0) + 1);
    return invoke(invocation);
  };
  const host = await startHost({
    appDir: resolve("."),
    storeFile: join(folder, "host.db"),
    settings: SETTINGS,
    clock: virtual,
    app,
    openEventSource: (_connection, name, group) => {
      const stream = streams.find((one) => one.name === name);
      if (stream === undefined) throw new Error(`no event hub ${name}`);
      return stream.source(group);
    },
    log: ({ level, text }) => {
      if (level === "error") complaints.push(text);
    },
  });

  let acting = 0;
  const failures: unknown[] = [];
  const isIdle = (): boolean => acting === 0 && app.isIdle && host.engine.isIdle;
  virtual.idle = isIdle;
  app.onChange = () => {
    virtual.consider();
  };
  const at = (time: number, act: () => Promise<void>): void => {
    virtual.after(time - now(), () => {
      acting += 1;
      void act()
        .catch((error: unknown) => failures.push(error))
        .finally(() => {
          acting -= 1;
          virtual.consider();
        });
    });
  };
  return {
    ...{ clock: virtual, azure, heartbeats, exported, logs, replacements, poison, notices, complaints, runs, at },
    until: (time) =>
      new Promise((done, failed) => {
        at(time, () => {
          virtual.pause();
          if (failures.length === 0) done();
          else failed(failures[0] instanceof Error ? failures[0] : new Error(String(failures[0])));
          return Promise.resolve();
        });
        virtual.resume();
      }),
    ask: async (path, init) => {
      const response = await fetch(`${host.url}/api/${path}`, init);
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    },
    grid: async (functionName, events) => {
      const url = `${host.url}/runtime/webhooks/eventgrid?functionName=${functionName}`;
      const headers = { "aeg-event-type": "Notification", "content-type": "application/json" };
      return (await fetch(url, { method: "POST", headers, body: JSON.stringify(events) })).status;
    },
    stop: async () => {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Replacements {
  readonly clock: Clock;
  readonly azure: FakeAzure;
  readonly replacements: MemoryReplacementSource;
  readonly poison: MemoryPoisonStore;
  readonly notices: Notice[];
}

/** What the composition root builds, in memory. Each of these passes the contract suite of the adapter that it replaces. */
function replaceAdapters({ clock, azure, replacements, poison, notices }: Replacements): void {
  const facts = new MemoryFactStore();
  const rates = ratesOf(
    { operationsPerMinute: 1_000_000, registrationsPerMinute: 1_000_000 },
    new Map(azure.hubs.hostNames.map((hub) => [hub, { tier: "S3", units: 200 }])),
    1,
  );
  const { enrollments, groups, registrations, authorities, hubs } = azure;
  const adapters = "../../shared/adapters";
  const stand = (file: string, exports: object): void => {
    jest.doMock(`${adapters}/${file}`, () => exports);
  };
  const store = (file: string, name: string, instance: object): void => {
    stand(`store/${file}`, { [name]: madeBefore(instance) });
  };
  stand("x509/system-clock", {
    systemClock: clock,
    // Real, and short: whoever waits holds the virtual clock.
    systemWaiter: { sleep: (ms: number) => new Promise((wake) => setTimeout(wake, Math.min(ms, 50)).unref()) },
  });
  stand("azure/connect", { connectAzure: () => ({ enrollments, groups, registrations, authorities, hubs }) });
  stand("notices/http-sender", {
    httpNoticeSender: () => ({ send: (notice: Notice) => Promise.resolve(notices.push(notice) > 0) }),
  });
  stand("store/tables", { openStore: () => ({ table: () => Promise.resolve(), container: () => Promise.resolve() }) });
  store("alert-log-store", "TableAlertLog", new MemoryAlertLog());
  store("auto-contain-store", "TableAutoContainBudget", new MemoryAutoContainBudget(100, clock));
  store("batch-store", "TableBatchStore", new MemoryBatchStore(clock, 60_000));
  store("claim-store", "TableClaimStore", new MemoryClaimStore());
  store("control-store", "TableControlStore", new MemoryControlStore());
  store("deny-store", "TableDenyLedger", new MemoryDenyLedger());
  store("device-data-store", "TableDeviceDataStore", new MemoryDeviceDataStore());
  store("due-store", "TableDueRows", new MemoryDueRows());
  store("evidence-store", "BlobEvidenceStore", new MemoryEvidenceStore());
  store("fact-store", "TableFactStore", facts);
  store("import-export-blobs", "BlobImportExport", azure.blobs);
  store("inventory-store", "BlobInventoryStore", new MemoryInventoryStore());
  store("issuance-store", "TableIssuanceStore", new MemoryIssuanceStore());
  store("journal-store", "TableRollJournal", new MemoryRollJournal());
  store("ledger-store", "TableLedger", new MemoryLedger(rates, clock));
  store("outbox-store", "TableOutbox", new MemoryOutbox());
  store("poison-store", "TablePoisonStore", poison);
  store("policy-store", "TablePolicyStore", new MemoryPolicyStore());
  store("proposal-store", "TableProposalStore", new MemoryProposalStore());
  store("replacement-source", "BlobReplacementSource", replacements);
  store("roll-blobs", "BlobRollBlobs", new MemoryRollBlobs());
  store("roll-store", "TableRollStore", new MemoryRollStore());
  store("source-counters", "TableSourceCounters", new MemorySourceCounters());
  store("target-claim-store", "TableTargetClaims", new MemoryTargetClaims());
}

/** A class whose only instance is there already. */
function madeBefore(instance: object): unknown {
  return function Adapter(): object {
    return instance;
  };
}
