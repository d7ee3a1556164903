import type { HubHostName } from "../ids";
import { hubLimit, messagesPerDay, type DpsQuota, type HubResource, type HubSku } from "./quotas";
import type { Usage } from "./usage";

/** The services that a roll goes through, and how its devices lie on the hubs. */
export interface Fleet {
  readonly dps: DpsQuota;
  readonly hubs: readonly { readonly host: HubHostName; readonly sku: HubSku; readonly devices: number }[];
  /** How devices are told. A job reaches fewer devices per second than methods, everywhere. */
  readonly dispatch: "method" | "job";
  /** What the issuer signs per second; unlimited if absent. */
  readonly signaturesPerSecond?: number;
  /** Enrollments that one call of DPS writes and that DPS counts as one. Default 1: whether it counts so is unknown. */
  readonly enrollmentsPerOperation?: number;
  /** Whether DPS counts registrations as operations too. Default false: unknown as well. */
  readonly sharedDpsLimit?: boolean;
}

/** How long one resource alone would take. */
export interface Demand {
  readonly resource: "operations" | "registrations" | HubResource | "messages" | "signatures";
  /** The hub; absent for DPS and the issuer. */
  readonly host?: HubHostName;
  /** `Infinity` where the service does not offer it, such as methods at a basic hub. */
  readonly seconds: number;
}

/** The services allow a minute's worth at once, and the rest at their rate. */
const BURST_SECONDS = 60;
const DAY_SECONDS = 86_400;

/**
 * The resource that sets the pace, and the least time in which Azure lets this fleet be rolled: work in every resource at
 * once, a minute's burst first. No software can be faster. A fleet without work needs 0 seconds of `operations`.
 */
export function binding(usage: Usage, fleet: Fleet): Demand {
  return slowest(demands(usage, fleet, 1, BURST_SECONDS));
}

/**
 * The resource that sets the pace of a roll that takes `headroom` of every quota and no burst, and how long it takes.
 * @param headroom share of the quotas that the roll takes, above 0 up to 1; the rest is for devices' daily life.
 */
export function sustained(usage: Usage, fleet: Fleet, headroom: number): Demand {
  return slowest(demands(usage, fleet, headroom, 0));
}

/**
 * Milliseconds that a roll is expected to take, open windows only: `sustained`, and `latencyMs` for the last device to come
 * back. At least the time that `binding` names.
 */
export function expectedDurationMs(
  usage: Usage,
  fleet: Fleet,
  { headroom, latencyMs }: { readonly headroom: number; readonly latencyMs: number },
): number {
  return sustained(usage, fleet, headroom).seconds * 1_000 + latencyMs;
}

function slowest(all: readonly Demand[]): Demand {
  return all.reduce((worst, demand) => (demand.seconds > worst.seconds ? demand : worst), {
    resource: "operations",
    seconds: 0,
  });
}

function demands(usage: Usage, fleet: Fleet, share: number, burstSeconds: number): Demand[] {
  const seconds = (things: number, perSecond: number): number =>
    things === 0 ? 0 : Math.max(0, things / (perSecond * share) - burstSeconds);
  const devices = fleet.hubs.reduce((sum, hub) => sum + hub.devices, 0);
  const signatures = seconds(devices * usage.signatures, fleet.signaturesPerSecond ?? Infinity);
  return [
    ...dpsDemands(usage, fleet, devices, seconds),
    ...fleet.hubs.flatMap((hub) => hubDemands(usage, fleet.dispatch, hub, seconds)),
    { resource: "signatures", seconds: signatures },
  ];
}

type Seconds = (things: number, perSecond: number) => number;

function dpsDemands(usage: Usage, fleet: Fleet, devices: number, seconds: Seconds): Demand[] {
  const operations = usage.operations / (fleet.enrollmentsPerOperation ?? 1);
  const { operationsPerMinute, registrationsPerMinute } = fleet.dps;
  const shared = fleet.sharedDpsLimit === true ? usage.registrations : 0;
  return [
    { resource: "operations", seconds: seconds(devices * (operations + shared), operationsPerMinute / 60) },
    { resource: "registrations", seconds: seconds(devices * usage.registrations, registrationsPerMinute / 60) },
  ];
}

function hubDemands(
  usage: Usage,
  dispatch: Fleet["dispatch"],
  { host, sku, devices }: Fleet["hubs"][number],
  seconds: Seconds,
): Demand[] {
  const demand = (resource: HubResource, perDevice: number): Demand => ({
    resource,
    host,
    seconds: seconds(devices * perDevice, hubLimit(sku, resource)),
  });
  return [
    demand("registry", usage.registry),
    demand(dispatch === "job" ? "jobDevices" : "methods", usage.dispatches),
    demand("connections", usage.connections),
    demand("d2cSends", usage.d2cSends),
    demand("twinReads", usage.twinReads),
    { resource: "messages", host, seconds: daysAfterTheFirst(devices * usage.messages, sku) * DAY_SECONDS },
  ];
}

/** A quota of the day is not a rate: what does not fit waits for midnight. */
function daysAfterTheFirst(messages: number, sku: HubSku): number {
  return Math.max(0, Math.ceil(messages / messagesPerDay(sku)) - 1);
}
