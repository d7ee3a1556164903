import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { BlobServiceClient } from "@azure/storage-blob";
import { startFleet } from "../../lab/fleet/fleet";
import type { Fleet } from "../../lab/fleet/fleet";
import { memoryDialer } from "../../lab/fleet/memory-dialer";
import type { AlertAnswer, RollStatus } from "../../lab/scenarios/product";
import { setStage } from "../../lab/scenarios/stage";
import type { Stage } from "../../lab/scenarios/stage";
import { enlist, type BenchFleet } from "./fleets";
import { costSince, hostCost, type HostCost } from "./host-cost";
import { flowOf, limitOf, rateOf, scaled, type Allowance, type Limit, type Resource, type Variant } from "./limit";
import { countRequests } from "./request-counter";
import { QuotaMeter } from "./quota-meter";
import type { RunOptions } from "./run-options";
import { settingsAt, timesAt } from "./settings";
import { startStorageCounter, type StorageCounter, type StorageKind } from "./storage-counter";

export interface RunResult {
  readonly options: RunOptions;
  readonly variant: Variant;
  readonly limit: Limit;
  /** What no pace can shorten: the hold of a breach. In seconds. */
  readonly holdSeconds: number;
  /** From the order to the end of the roll. */
  readonly tookSeconds: number;
  /** Devices per second through the binding resource, its burst and the hold left out. */
  readonly flow: number | undefined;
  readonly uses: ReadonlyMap<Resource, number>;
  readonly throttledCalls: number;
  readonly throttledDevices: number;
  readonly refusals: ReadonlyMap<string, number>;
  readonly storage: Readonly<Record<StorageKind, number>>;
  readonly storageDetails: ReadonlyMap<string, number>;
  /** Calls of DPS and the hub, see {@link countRequests}. */
  readonly requests: ReadonlyMap<string, number>;
  readonly host: HostCost;
  readonly roll: RollStatus | undefined;
}

/** Sets up a lab of its own, rolls one fleet and looks at what it took. Rejects where the order is refused. */
export async function measureRoll(options: RunOptions): Promise<RunResult> {
  const story = { name: `bench-${options.playbook}` };
  let counter: StorageCounter | undefined;
  let fleet: Fleet | undefined;
  const stage = await setStage({
    stories: [story],
    hubSwitches: { assignCountsAsRegistryWrite: options.assignCounts },
    settings: async ({ azurite }) => {
      counter = await startStorageCounter(azurite);
      return settingsAt(options, counter.connectionString);
    },
  });
  try {
    if (counter === undefined) throw new Error("the stage did not ask for its settings");
    const world = { ...stage.hierarchyOf(story), services: stage.services };
    const enlisted = await enlist(options.playbook, options.devices, world);
    fleet = await connect(options, stage, enlisted);
    await quiet(counter);
    return await roll(options, stage, counter, enlisted);
  } finally {
    await fleet?.stop();
    await stage.stop();
    await counter?.stop();
  }
}

async function connect(options: RunOptions, stage: Stage, { players }: BenchFleet): Promise<Fleet> {
  const { services } = stage;
  const { print } = options;
  const devices = players.map(({ registrationId, active, next, behaviour }) => ({
    registrationId,
    active,
    ...(next === undefined ? {} : { standby: next }),
    ...(behaviour === undefined ? {} : { behaviour }),
  }));
  // A heartbeat at each connection and hardly any other: the roll is measured. Who is shut out asks less and less often.
  const timing = { heartbeatMs: 3_600_000, backoffBaseMs: 5_000, backoffCapMs: patienceOf(options) };
  const fleet = startFleet({
    dps: services.fleet.dps,
    dial: memoryDialer(services),
    devices,
    timing,
    startWidth: 64,
  });
  const begun = performance.now();
  const all = fleet.connected();
  const reporter = setInterval(() => {
    const connected = fleet.devices.filter((device) => device.isConnected()).length;
    print(`  ${connected} of ${devices.length} devices are connected`);
  }, 10_000);
  await all.finally(() => clearInterval(reporter));
  print(`  ${devices.length} devices are connected after ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  return fleet;
}

/** Cut off one batch after another, or all at once. */
const OUT_AT_A_TIME = 1_000;

/** Milliseconds: half a minute, or as long as DPS takes to let in everybody who is out at the same time. */
function patienceOf({ playbook, devices, scale }: RunOptions): number {
  const out = playbook === "group-breach" ? devices : Math.min(devices, OUT_AT_A_TIME);
  return Math.max(30_000, (60_000 * out) / scaled("S1", scale, 1).dpsPerMinute);
}

/** Until the app has dealt with what the fleet's arrival gave it to do; for two minutes at most. */
async function quiet(counter: StorageCounter): Promise<void> {
  const total = (): number => Object.values(counter.counts()).reduce((sum, count) => sum + count, 0);
  let before = -1;
  for (let look = 0; look < 40 && total() - before > 5; look += 1) {
    before = total();
    await pause(3_000);
  }
}

async function roll(
  options: RunOptions,
  stage: Stage,
  counter: StorageCounter,
  enlisted: BenchFleet,
): Promise<RunResult> {
  const { services, product } = stage;
  const ask = await enlisted.ask((name, text) => upload(services.azurite.connectionString, name, text));
  if ("alert" in ask) throw new Error("the bench places orders");

  const allowance = scaled(options.tier, options.scale, options.quotaPercent / 100);
  throttle(services, allowance);
  const meter = new QuotaMeter(services);
  meter.start();
  const requests = countRequests(services);
  const storage = { counts: counter.counts(), details: counter.details() };
  const cost = await hostCost(stage.url, stage.hostPid);
  const begun = performance.now();
  const { rollId } = accepted(await product.postOrder(JSON.stringify(ask.order), randomUUID()));
  const ended = await watch(options, stage, meter, counter, rollId);
  const watchedMs = performance.now() - begun;
  requests.stop();
  return {
    ...{ options, roll: ended, tookSeconds: (durationOf(ended) ?? watchedMs) / 1_000 },
    ...paceOf(options, allowance, meter),
    uses: meter.totals(),
    throttledCalls: meter.throttledCalls,
    throttledDevices: meter.throttledDevices,
    refusals: meter.refusals(),
    storage: subtracted(counter.counts(), storage.counts),
    storageDetails: new Map([...counter.details()].map(([what, n]) => [what, n - (storage.details.get(what) ?? 0)])),
    requests: requests.counts(),
    host: costSince(cost, await hostCost(stage.url, stage.hostPid)),
  };
}

/** By the app's own clock: it is looked at too seldom to tell. Undefined while the roll is open. */
function durationOf(ended: RollStatus | undefined): number | undefined {
  if (ended?.finishedAt === undefined) return undefined;
  return Date.parse(ended.finishedAt) - Date.parse(ended.requestedAt);
}

async function upload(connectionString: string, name: string, text: string): Promise<void> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient("rollcall");
  await container.createIfNotExists();
  await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
}

/** From now on; buckets begin full. */
function throttle({ dps, hubs }: Stage["services"], { tier, units, dpsPerMinute }: Allowance): void {
  for (const hub of hubs) Object.assign(hub.quotas, { enabled: true, tier, units, timeScale: 1 });
  const perMinute = { operationsPerMinute: dpsPerMinute, registrationsPerMinute: dpsPerMinute };
  Object.assign(dps.switches.quotas, { enabled: true, ...perMinute });
}

function paceOf(
  options: RunOptions,
  allowance: Allowance,
  meter: QuotaMeter,
): Pick<RunResult, "variant" | "limit" | "holdSeconds" | "flow"> {
  const { playbook, devices, scale } = options;
  const variant = variantOf(options, meter.totals());
  const limit = limitOf(variant, devices, allowance);
  const { pulseHoldMs, settleMs } = timesAt(scale);
  const holdMs = playbook.endsWith("breach") ? Math.max(pulseHoldMs, settleMs) : 0;
  const burst = 60 * rateOf(limit.binding, { ...allowance, share: 1 });
  const flow = flowOf(meter.uses(limit.binding), devices, { burst, holdMs });
  return { variant, limit, holdSeconds: holdMs / 1_000, flow };
}

function subtracted(
  after: Readonly<Record<StorageKind, number>>,
  before: Readonly<Record<StorageKind, number>>,
): Record<StorageKind, number> {
  return { table: after.table - before.table, blob: after.blob - before.blob, queue: after.queue - before.queue };
}

/** So seldom that the two storage operations of a look do not count. */
const LOOK_MS = 5_000;
const TELL_MS = 10_000;

async function watch(
  { devices, patienceSeconds, print }: RunOptions,
  { product }: Stage,
  meter: QuotaMeter,
  counter: StorageCounter,
  rollId: string,
): Promise<RollStatus | undefined> {
  const begun = performance.now();
  let toldAt = begun - TELL_MS;
  let seen: RollStatus | undefined;
  while (seen?.phase !== "finished" && performance.now() - begun < patienceSeconds * 1_000) {
    await pause(LOOK_MS);
    seen = await product.roll(rollId).catch(() => seen);
    if (seen?.phase === "awaiting-approval") await approve(product, rollId);
    if (performance.now() - toldAt < TELL_MS && seen?.phase !== "finished") continue;
    toldAt = performance.now();
    const counts = Object.entries(seen?.counts ?? {}).filter(([, count]) => count > 0);
    const states = counts.map(([state, count]) => `${state} ${count}`).join(", ");
    const { table, blob } = counter.counts();
    print(
      `  ${((toldAt - begun) / 1_000).toFixed(0).padStart(5)} s  ${seen?.phase ?? "?"}: ${states} of ${devices};` +
        ` 429: ${meter.throttledCalls} app, ${meter.throttledDevices} devices; storage ${table} table, ${blob} blob`,
    );
  }
  return seen;
}

async function approve(product: Stage["product"], rollId: string): Promise<void> {
  const planHash = (await product.plan(rollId))?.hash;
  await product.command(rollId, "approve", {
    note: "the bench approves",
    ...(planHash === undefined ? {} : { planHash }),
  });
}

/** A fleet that an import job cut off took next to nothing of the registry's quota. */
function variantOf({ playbook, devices }: RunOptions, uses: ReadonlyMap<Resource, number>): Variant {
  const single = (uses.get("registry") ?? 0) >= devices;
  return playbook === "group-breach" && !single ? "group-breach-in-bulk" : playbook;
}

function accepted({ rollId, status, problem }: AlertAnswer): { readonly rollId: string } {
  if (rollId === undefined) throw new Error(`the order was answered ${status}: ${problem ?? ""}`);
  return { rollId };
}
