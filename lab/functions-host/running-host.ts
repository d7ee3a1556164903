import type { ApiContext } from "./client-api/api";
import { durableClientValue } from "./client-api/links";
import { Engine } from "./engine/engine";
import { undisturbed } from "./engine/engine-context";
import { Store } from "./engine/store";
import { type LoadedApp, triggerOf } from "./function-app";
import { readHostJson } from "./host-json";
import { handleRequest, manualInput, rpcPath, webhooksPath } from "./host-requests";
import type { HostOptions } from "./options";
import { azureStorageProfile } from "./profile";
import { listen } from "./server";
import { HostRefused, localSettings, type Settings } from "./settings";
import { EventHubTriggers } from "./triggers/event-hub";
import { sdkEventSource } from "./triggers/sdk-event-source";
import { HttpRoutes } from "./triggers/http";
import { TimerTriggers } from "./triggers/timer";
import type { NamedData, RegisteredFunction } from "./worker/protocol";
import { VirtualClock } from "./virtual-clock";
import { WorkerPool } from "./worker-pool";
import { realClock, sleep } from "../clock";
import { instancesPage } from "./page/instances-page";

/** A host in this process, with its app in processes of its own. */
export interface RunningHost {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly engine: Engine;
  readonly store: Store;
  readonly pool: LoadedApp;
  /** What it serves, for the list at start-up. */
  readonly functions: readonly ServedFunction[];
  stop(): Promise<void>;
}

export interface ServedFunction {
  readonly name: string;
  readonly trigger: string;
  /** Route with methods, schedule or event hub, as far as there is one. */
  readonly detail: string;
}

const hostVersion = "4.1037.0";

/** Trigger types this host feeds; an app with another one is refused by name instead of waiting in silence. */
const servedTriggers = new Set([
  ...["httptrigger", "timertrigger", "eventhubtrigger", "eventgridtrigger", "warmuptrigger"],
  ...["orchestrationtrigger", "activitytrigger", "entitytrigger"],
]);

/** Loads an app and serves it; rejects with a sentence that names what is wrong when it cannot. */
export async function startRunningHost(options: HostOptions): Promise<RunningHost> {
  const log = (level: string, text: string, category = "system"): void => options.log?.({ level, category, text });
  const clock = options.clock ?? realClock;
  const own: Settings = { ...process.env, ...localSettings(options.appDir), ...options.settings };
  const hostJson = readHostJson(options.appDir, own);
  const closing: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const action of closing.splice(0).reverse()) await action();
  };
  try {
    const listener = await listen(options.port ?? 0, (text) => log("error", text));
    closing.push(() => listener.close());
    const settings: Settings = {
      ...own,
      AzureWebJobsScriptRoot: options.appDir,
      FUNCTIONS_WORKER_RUNTIME: "node",
      WEBSITE_HOSTNAME: `localhost:${listener.port}`,
    };
    const startPool = (): Promise<WorkerPool> =>
      WorkerPool.start({
        appDir: options.appDir,
        env: settings,
        workers: options.workers ?? 1,
        hostVersion,
        log: (level, category, text) => log(level, text, category),
        ...(hostJson.functionTimeoutMs === undefined ? {} : { functionTimeoutMs: hostJson.functionTimeoutMs }),
      });
    const starting = options.app === undefined ? startPool() : Promise.resolve(options.app);
    // The app loads in its own process while this one opens the file.
    starting.then((pool) => closing.push(() => pool.stop())).catch(() => undefined);
    const store = await opened(options, starting);
    closing.push(() => store.close());
    const pool = await starting;
    refuseUnknownBindings(pool);

    const baseUrl = `http://localhost:${listener.port}${webhooksPath}`;
    const clientValue = durableClientValue({
      baseUrl,
      rpcBaseUrl: options.rpc === false ? undefined : `http://127.0.0.1:${listener.port}${rpcPath}/`,
      hubName: hostJson.durable.hubName,
    });
    const extraInputs = (fn: RegisteredFunction): NamedData[] =>
      Object.entries(fn.bindings).flatMap(([name, binding]) =>
        binding.type.toLowerCase() === "durableclient" ? [{ name, data: { string: clientValue } }] : [],
      );
    const strict = options.guards !== "off";
    const engine = new Engine({
      ...{ store, clock, app: pool, durable: hostJson.durable, log },
      guards: { strict, probe: options.probe ?? strict },
      disturbance: options.disturbance ?? (options.profile === "azure-storage" ? azureStorageProfile() : undisturbed),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.hooks === undefined ? {} : { hooks: options.hooks }),
    });
    let stopped = false;
    const wait = async (ms: number): Promise<void> => {
      await sleep(clock, ms);
      if (stopped) throw new Error("The host is stopping.");
    };
    const shared = { app: pool, store, settings, log, extraInputs, wait };
    const timers = new TimerTriggers({ ...shared, clock });
    const eventHubs = new EventHubTriggers({
      ...shared,
      now: () => clock.now(),
      limits: hostJson.eventHubs,
      open: options.openEventSource ?? sdkEventSource,
    });
    const routes = new HttpRoutes(pool, hostJson.routePrefix);
    const api: ApiContext = {
      ...{ client: engine.client, store, baseUrl, hubName: hostJson.durable.hubName },
      now: () => clock.now(),
      wait: (ms) => sleep(clock, ms),
    };
    const runManually = (name: string, input: string): Promise<void> | undefined => {
      const fn = pool.functions.get(name.toLowerCase());
      const type = fn === undefined ? undefined : triggerOf(fn)?.binding.type.toLowerCase();
      if (fn === undefined || type === undefined || type === "httptrigger") return undefined;
      if (type === "timertrigger") return timers.fireNow(name);
      return pool
        .invoke({ functionName: fn.name, inputs: [manualInput(fn, input), ...extraInputs(fn)] })
        .then((answer) => {
          if (!answer.ok) throw new Error(answer.message);
        });
    };
    if (clock instanceof VirtualClock) {
      clock.idle = () => engine.isIdle;
      engine.onChange = () => clock.consider();
    }
    engine.start();
    closing.push(() => engine.stop());
    listener.serve((request, response) =>
      handleRequest(
        {
          ...{ pool, routes, api, extraInputs, log, runManually },
          maxBodyBytes: options.maxBodyBytes ?? 104_857_600,
          turns: () => store.committed.get("turn") ?? 0,
          page: (url) => instancesPage(store, pool, url),
        },
        request,
        response,
      ),
    );
    timers.start();
    closing.push(() => timers.stop());
    await eventHubs.start();
    closing.push(() => eventHubs.stop());
    closing.push(() => {
      stopped = true;
    });
    return {
      ...{ url: `http://127.0.0.1:${listener.port}`, port: listener.port, engine, store, pool, stop: close },
      functions: served(pool, routes, timers, eventHubs),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The store, opened while the app loads; when it cannot be opened the app's process must not be left behind. */
async function opened(options: HostOptions, starting: Promise<LoadedApp>): Promise<Store> {
  try {
    return Store.open(options.storeFile, { durable: options.durable ?? false });
  } catch (error) {
    await starting.then(
      () => undefined,
      () => undefined,
    );
    throw error;
  }
}

/** What would silently not happen here must not look as if it did. */
function refuseUnknownBindings(pool: LoadedApp): void {
  const remedy =
    "see lab/functions-host/fidelity.md. Leave the function out of this app here, or run it with Core Tools.";
  for (const fn of pool.functions.values()) {
    const type = triggerOf(fn)?.binding.type ?? "none";
    if (!servedTriggers.has(type.toLowerCase())) {
      throw new HostRefused(`Function "${fn.name}": this host does not feed a ${type}; ${remedy}`);
    }
    const output = Object.values(fn.bindings).find(
      (binding) => binding.direction === "out" && binding.type.toLowerCase() !== "http",
    );
    if (output !== undefined) {
      throw new HostRefused(`Function "${fn.name}": this host does not write to a ${output.type} output; ${remedy}`);
    }
  }
}

function served(
  pool: LoadedApp,
  routes: HttpRoutes,
  timers: TimerTriggers,
  eventHubs: EventHubTriggers,
): readonly ServedFunction[] {
  const details = new Map<string, string>([
    ...routes.all.map(({ fn, route }): [string, string] => {
      const methods = route.methods.length === 0 ? "GET,POST" : route.methods.join(",");
      return [fn.name, `[${methods}] /${route.template}`];
    }),
    ...timers.describe().map(({ name, schedule }): [string, string] => [name, schedule]),
    ...eventHubs.describe().map(({ name, hub }): [string, string] => [name, hub]),
  ]);
  return [...pool.functions.values()].map((fn) => ({
    name: fn.name,
    trigger: triggerOf(fn)?.binding.type ?? "none",
    detail: details.get(fn.name) ?? "",
  }));
}
