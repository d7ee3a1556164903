import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { isObject, objectOf } from "./json";
import { HostRefused, readJsonObject, resolveSettings, type Settings } from "./settings";
import { parseTimeSpan } from "./time-span";

/** What this host reads of host.json, with the defaults of the real one; times in milliseconds. */
export interface HostJson {
  readonly routePrefix: string;
  /** Undefined: no limit. Default 30 minutes. */
  readonly functionTimeoutMs: number | undefined;
  readonly durable: DurableJson;
  readonly eventHubs: EventHubsJson;
}

export interface DurableJson {
  /** Default TestHubName, as in the Durable extension. */
  readonly hubName: string;
  /** Version of instances that are started without one; default "". */
  readonly defaultVersion: string;
  /** Default 10 per core, as on the Azure Storage provider. */
  readonly maxConcurrentActivities: number;
  readonly maxConcurrentOrchestrators: number;
  readonly httpPollMs: number;
}

export interface EventHubsJson {
  readonly maxEventBatchSize: number;
  readonly minEventBatchSize: number;
  readonly maxWaitTimeMs: number;
  readonly prefetchCount: number;
  readonly batchCheckpointFrequency: number;
}

/** Reads host.json of an app folder; HostRefused names what is wrong in it. */
export function readHostJson(appDir: string, settings: Settings): HostJson {
  const file = join(appDir, "host.json");
  if (!existsSync(file)) {
    throw new HostRefused(
      `${file} does not exist. Point --app at the folder of a Functions app, or write {"version":"2.0"}.`,
    );
  }
  const root = overridden(readJsonObject(file), settings);
  if (root["version"] !== "2.0") throw new HostRefused(`${file}: "version" must be "2.0".`);
  const reader = new Section(root, file, "", settings);
  const extensions = reader.section("extensions");
  const durable = extensions.section("durableTask");
  const eventHubs = extensions.section("eventHubs");
  return {
    routePrefix: extensions
      .section("http")
      .text("routePrefix", "api")
      .replace(/^\/|\/$/g, ""),
    functionTimeoutMs: reader.timeSpan("functionTimeout", 30 * 60_000),
    durable: {
      hubName: durable.text("hubName", "TestHubName"),
      defaultVersion: durable.text("defaultVersion", ""),
      maxConcurrentActivities: durable.integer("maxConcurrentActivityFunctions", 10 * cpus().length, 1),
      maxConcurrentOrchestrators: durable.integer("maxConcurrentOrchestratorFunctions", 10 * cpus().length, 1),
      httpPollMs: durable.section("httpSettings").integer("defaultAsyncRequestSleepTimeMilliseconds", 30_000, 1),
    },
    eventHubs: {
      maxEventBatchSize: eventHubs.integer("maxEventBatchSize", 100, 1),
      minEventBatchSize: eventHubs.integer("minEventBatchSize", 1, 1),
      maxWaitTimeMs: eventHubs.timeSpan("maxWaitTime", 60_000) ?? 60_000,
      prefetchCount: eventHubs.integer("prefetchCount", 300, 0),
      batchCheckpointFrequency: eventHubs.integer("batchCheckpointFrequency", 1, 1),
    },
  };
}

const OVERRIDE = /^AzureFunctionsJobHost__(.+)$/i;

/** Settings such as `AzureFunctionsJobHost__extensions__http__routePrefix` go over what the file says, as in Azure. */
function overridden(file: Readonly<Record<string, unknown>>, settings: Settings): Record<string, unknown> {
  let values: Record<string, unknown> = { ...file };
  for (const [name, text] of Object.entries(settings)) {
    const path = OVERRIDE.exec(name)?.[1]?.split("__");
    if (path !== undefined && text !== undefined) values = withValue(values, path, text);
  }
  return values;
}

/** Names are compared without case; a number is one, because an environment has only text. */
function withValue(
  values: Readonly<Record<string, unknown>>,
  [name = "", ...rest]: readonly string[],
  text: string,
): Record<string, unknown> {
  const key = Object.keys(values).find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
  if (rest.length > 0) return { ...values, [key]: withValue(objectOf(values[key]), rest, text) };
  return { ...values, [key]: /^-?\d+$/.test(text) ? Number(text) : text };
}

class Section {
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    private readonly file: string,
    private readonly path: string,
    private readonly settings: Settings,
  ) {}

  section(name: string): Section {
    const value = this.values[name];
    if (value !== undefined && !isObject(value)) throw this.wrong(name, "an object");
    return new Section(objectOf(value), this.file, `${this.path}${name}.`, this.settings);
  }

  text(name: string, otherwise: string): string {
    const value = this.values[name];
    if (value === undefined || value === null) return otherwise;
    if (typeof value !== "string") throw this.wrong(name, "text");
    return resolveSettings(value, this.settings, `${this.file}: "${this.path}${name}"`);
  }

  integer(name: string, otherwise: number, least: number): number {
    const value = this.values[name];
    if (value === undefined || value === null) return otherwise;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least) {
      throw this.wrong(name, `a whole number from ${least}`);
    }
    return value;
  }

  /** "-1" means no limit: undefined. */
  timeSpan(name: string, otherwise: number): number | undefined {
    const value = this.text(name, "");
    if (value === "") return otherwise;
    if (value === "-1") return undefined;
    const parsed = parseTimeSpan(value);
    if (parsed === undefined) throw this.wrong(name, 'a time such as "00:05:00"');
    return parsed;
  }

  private wrong(name: string, expected: string): HostRefused {
    const actual = JSON.stringify(this.values[name]);
    return new HostRefused(`${this.file}: "${this.path}${name}" is ${actual}; it must be ${expected}.`);
  }
}
