import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { BlobServiceClient } from "@azure/storage-blob";
import { startFleet } from "../../lab/fleet/fleet";
import type { Fleet } from "../../lab/fleet/fleet";
import { memoryDialer } from "../../lab/fleet/memory-dialer";
import type { HubTier } from "../../lab/iot-hub/quotas";
import type { AlertAnswer, RollStatus } from "../../lab/scenarios/product";
import { setStage } from "../../lab/scenarios/stage";
import type { Stage } from "../../lab/scenarios/stage";
import { enlist, type BenchFleet, type Playbook } from "./fleets";
import { costSince, hostCost, type HostCost } from "./host-cost";
import { flowOf, limitOf, rateOf, scaled, type Limit, type Resource, type Variant } from "./limit";
import { countRequests } from "./request-counter";
import { QuotaMeter } from "./quota-meter";
import { settingsAt, timesAt, type Times } from "./settings";
import { startStorageCounter, type StorageCounter, type StorageKind } from "./storage-counter";

export interface RunOptions {
  readonly playbook: Playbook;
  readonly tier: HubTier;
  /** At least 1. */
  readonly devices: number;
  /** Units of the hub, and by how much the quotas of DPS are multiplied and all waits divided. 1 to 200. */
  readonly scale: number;
  /** Percent of every quota that the app may take. */
  readonly quotaPercent: number;
  /** Whether what DPS writes into a hub counts against the hub's registry quota, which Azure leaves open. */
  readonly assignCounts: boolean;
  /** Seconds after the order at which an unfinished roll is measured as it stands. */
  readonly patienceSeconds: number;
  readonly print: (line: string) => void;
}

export interface RunResult {
  readonly options: RunOptions;
  readonly variant: Variant;
  readonly limit: Limit;
  readonly times: Times;
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

async function connect({ print }: RunOptions, stage: Stage, { players }: BenchFleet): Promise<Fleet> {
  const { services } = stage;
  const devices = players.map(({ registrationId, active, next, behaviour }) => ({
    registrationId,
    active,
    ...(next === undefined ? {} : { standby: next }),
    ...(behaviour === undefined ? {} : { behaviour }),
  }));
  // A heartbeat at each connection and hardly any other: the roll is measured. Who is shut out asks less and less often.
  const timing = { heartbeatMs: 3_600_000, backoffBaseMs: 5_000, backoffCapMs: 30_000 };
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
  const [hub] = services.hubs;
  if (hub === undefined) throw new Error("a lab has a hub");
  const container = BlobServiceClient.fromConnectionString(services.azurite.connectionString).getContainerClient(
    "rollcall",
  );
  const ask = await enlisted.ask(async (name, text) => {
    await container.createIfNotExists();
    await container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
  });
  if ("alert" in ask) throw new Error("the bench places orders");

  const allowance = scaled(options.tier, options.scale, options.quotaPercent / 100);
  const { dpsPerMinute } = allowance;
  Object.assign(hub.quotas, { enabled: true, tier: allowance.tier, units: allowance.units, timeScale: 1 });
  Object.assign(services.dps.switches.quotas, {
    ...{ enabled: true, operationsPerMinute: dpsPerMinute, registrationsPerMinute: dpsPerMinute },
  });
  const meter = new QuotaMeter(services);
  meter.start();
  const storageBefore = counter.counts();
  const detailsBefore = counter.details();
  const before = await hostCost(stage.url, stage.hostPid);
  const requests = countRequests(services);
  const begun = performance.now();
  const { rollId } = accepted(await product.postOrder(JSON.stringify(ask.order), randomUUID()));
  const watched = await watch(options, stage, meter, counter, rollId);
  const tookSeconds = (performance.now() - begun) / 1_000;
  const host = costSince(before, await hostCost(stage.url, stage.hostPid));
  requests.stop();
  const storage = counter.counts();
  const details = new Map([...counter.details()].map(([what, n]) => [what, n - (detailsBefore.get(what) ?? 0)]));

  const uses = meter.totals();
  const variant = variantOf(options, uses);
  const limit = limitOf(variant, options.devices, allowance);
  const times = timesAt(options.scale);
  const holdMs = options.playbook.endsWith("breach") ? Math.max(times.pulseHoldMs, times.settleMs) : 0;
  const burst = 60 * rateOf(limit.binding, { ...allowance, share: 1 });
  return {
    ...{ options, variant, limit, times, tookSeconds, uses, host },
    holdSeconds: holdMs / 1_000,
    flow: flowOf(meter.uses(limit.binding), options.devices, { burst, holdMs }),
    throttledCalls: meter.throttledCalls,
    throttledDevices: meter.throttledDevices,
    refusals: meter.refusals(),
    storage: {
      table: storage.table - storageBefore.table - watched.looks * LOOK_OPERATIONS,
      blob: storage.blob - storageBefore.blob,
      queue: storage.queue - storageBefore.queue,
    },
    storageDetails: details,
    requests: requests.counts(),
    roll: watched.roll,
  };
}

/** What a look at a roll costs in tables: its row, and the counts of its batches. */
const LOOK_OPERATIONS = 2;
const LOOK_MS = 2_000;
const TELL_MS = 10_000;

async function watch(
  { devices, patienceSeconds, print }: RunOptions,
  { product }: Stage,
  meter: QuotaMeter,
  counter: StorageCounter,
  rollId: string,
): Promise<{ readonly roll: RollStatus | undefined; readonly looks: number }> {
  const begun = performance.now();
  let toldAt = begun - TELL_MS;
  let looks = 0;
  let seen: RollStatus | undefined;
  while (seen?.phase !== "finished" && performance.now() - begun < patienceSeconds * 1_000) {
    await pause(LOOK_MS);
    looks += 1;
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
  return { roll: seen, looks };
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
