import { z } from "zod";
import { DeviceId } from "../../shared/domain/ids";
import { NO_EVENTS, SourceCounts } from "../../shared/domain/source-counts";
import { FOREIGN_WAYS } from "../support/day-alerts";
import { startDay, type DayApp } from "../support/day-app";
import type { DayDevice } from "../support/day-fleet";
import {
  BEGIN,
  DAY,
  EXPIRING,
  HEALING,
  HOUR,
  LOST,
  nameOf,
  planDay,
  SILENT,
  VICTIMS,
  type DayRecord,
} from "../support/day-script";

// One day of a fleet of a thousand, in the app that Azure loads, on a clock that jumps: its own timers fire at their times, its
// triggers get batches, its endpoints get requests, its orchestrations run. What is left out: devices' sockets, the SDKs and
// the storage account, each replaced by what passes the same contract suite.

let day: DayApp;
let record: DayRecord;
beforeAll(async () => {
  day = await startDay(BEGIN);
  record = planDay(day);
  await day.until(BEGIN + DAY);
  await day.heartbeats.deliver();
}, 300_000);
afterAll(() => day.stop());

function device(n: number): DayDevice {
  const found = record.fleet.all()[n];
  if (found === undefined) throw new Error(`no device ${n}`);
  return found;
}

async function read<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const { status, body } = await day.ask(path);
  expect({ path, status }).toEqual({ path, status: 200 });
  return schema.parse(body);
}

const Rolls = z.object({
  rolls: z.array(
    z.object({
      ...{ rollId: z.string(), playbook: z.string(), source: z.string(), phase: z.string() },
      ...{ outcome: z.string().optional(), devices: z.int(), counts: z.record(z.string(), z.int()) },
    }),
  ),
});
async function rollsOf(playbook: string): Promise<z.infer<typeof Rolls>["rolls"]> {
  const { rolls } = await read("rolls?limit=100", Rolls);
  return rolls.filter((roll) => roll.playbook === playbook);
}

test("nothing went wrong but what was to go wrong", () => {
  expect(record.odd).toEqual([]);
  expect(day.complaints).toEqual([]);
});

test("every timer fired at its times", () => {
  const timers = /^(sendNotices|sweepRolls|runDue|runExpiry|refreshInventoryDaily)$/;
  expect(Object.fromEntries([...day.runs].filter(([name]) => timers.test(name)))).toEqual({
    sendNotices: 2_879,
    sweepRolls: 287,
    runDue: 287,
    runExpiry: 24,
    refreshInventoryDaily: 1,
  });
});

test("per source: received = applied + duplicate + stale + ignored + poison, and each is what was sent", async () => {
  const Sources = z.object({ sources: z.array(SourceCounts.extend({ since: z.string(), until: z.string() })) });
  const { sources } = await read("heartbeats/sources", Sources);
  const counted = new Map(sources.map(({ source, since: _since, until: _until, ...counts }) => [source, counts]));
  expect(counted).toEqual(record.account());
  // Four partitions of heartbeats, two of logs, and the hub by Event Grid.
  expect(counted.size).toBe(7);
  const sum = { ...NO_EVENTS };
  for (const counts of counted.values()) {
    const { received, applied, duplicate, stale, ignored, poison } = counts;
    expect(received).toBe(applied + duplicate + stale + ignored + poison);
    for (const word of Object.keys(sum) as (keyof typeof sum)[]) sum[word] += counts[word];
  }
  expect(sum.applied).toBeGreaterThan(15_000);
  for (const word of ["duplicate", "stale", "ignored", "poison"] as const) expect(sum[word]).toBeGreaterThan(200);
  expect(day.poison.events).toHaveLength(sum.poison);
});

const Late = z.object({
  devices: z.array(z.object({ deviceId: z.string(), lastSeen: z.string() })),
  next: z.string().optional(),
});

test("the tenth that fell silent is late, and nobody else but those that were cut off", async () => {
  const late = new Map<string, string>();
  const moment = new Date(BEGIN + DAY - 2 * HOUR).toISOString();
  for (let next: string | undefined = ""; next !== undefined;) {
    const cursor: string = next === "" ? "" : `&cursor=${next}`;
    const page: z.infer<typeof Late> = await read(`devices/late?after=${moment}&limit=30${cursor}`, Late);
    for (const { deviceId, lastSeen } of page.devices) late.set(deviceId, lastSeen);
    next = page.next;
  }
  expect(SILENT).toHaveLength(record.fleet.all().length / 10);
  expect([...late.keys()].sort()).toEqual([...SILENT, ...VICTIMS].map(nameOf).sort());
  for (const n of SILENT) expect(late.get(nameOf(n))).toBe(new Date(device(n).heardAt ?? 0).toISOString());
});

test("an alert of every shape started one roll, however often it came, and nothing else did", async () => {
  const rolls = await rollsOf("individual-breach");
  expect(rolls).toHaveLength(FOREIGN_WAYS.length + 1);
  const answered = FOREIGN_WAYS.filter(({ path }) => path !== undefined).map(({ name }) => name);
  for (const way of [...answered, "alerts/webhook"]) {
    const [rollId, ...others] = record.told.get(way) ?? [];
    expect({ way, others }).toEqual({ way, others: [] });
    expect(rolls.map((roll) => roll.rollId)).toContain(rollId);
  }
  expect([...(record.told.get("medium") ?? [])]).toEqual([expect.stringContaining("recorded")]);
  const { alerts } = await read("alerts?limit=100", z.object({ alerts: z.array(z.object({ outcome: z.string() })) }));
  const count = (word: string): number => alerts.filter(({ outcome }) => outcome === word).length;
  expect({ started: count("started"), known: count("known"), recorded: count("recorded") }).toEqual({
    started: rolls.length,
    known: rolls.length * 2,
    recorded: 1,
  });
});

test("a breached device that heals itself is proven; one that cannot stays cut off, and people are told", async () => {
  const rolls = await rollsOf("individual-breach");
  const healed = rolls.find(({ source }) => source === "soc");
  expect(healed).toMatchObject({ outcome: "completed", phase: "finished", counts: { proven: 1 } });
  const Knocking = z.object({ devices: z.array(z.looseObject({ registrationId: z.string() })) });
  expect(await read(`rolls/${healed?.rollId ?? ""}/knocking`, Knocking)).toMatchObject({
    devices: [{ registrationId: nameOf(HEALING), code: "401003", compromised: true }],
  });
  for (const roll of rolls.filter(({ source }) => source !== "soc"))
    expect(roll).toMatchObject({ phase: "finished", outcome: "partial" });
  for (const n of VICTIMS) {
    const { primaryThumbprint, secondaryThumbprint } = day.azure.hub().identity(DeviceId.parse(nameOf(n))) ?? {};
    expect([primaryThumbprint, secondaryThumbprint]).not.toContain(device(n).leaf.sha256Thumbprint);
  }
  const finished = day.notices.filter(({ kind }) => kind === "finished").map(({ rollId }) => rollId);
  expect(finished).toEqual(expect.arrayContaining(rolls.map(({ rollId }) => rollId)));
});

test("certificates came due at every level: leaves were rolled, CAs proposed, what ran out has a way back", async () => {
  expect(await rollsOf("individual-expiry")).toMatchObject([
    { phase: "finished", outcome: "completed", devices: EXPIRING.length, counts: { retired: EXPIRING.length } },
  ]);
  for (const n of EXPIRING) expect(device(n).leaf).toBe(device(n).fresh);

  const Proposal = z.object({ state: z.string(), certificate: z.looseObject({ level: z.string(), id: z.string() }) });
  const { proposals } = await read("proposals?limit=100", z.object({ proposals: z.array(Proposal) }));
  const due = (wanted: string): string[] =>
    proposals.flatMap(({ state, certificate: { level, id } }) => (level === wanted ? [`${id} ${state}`] : [])).sort();
  expect(due("leaf")).toEqual(EXPIRING.map((n) => `${nameOf(n)} started`));
  expect(due("intermediate")).toEqual(["line-7 proposed"]);
  expect(due("root")).toEqual(["old-root proposed"]);

  const Rescue = z.object({ devices: z.array(z.object({ key: z.string(), wayBack: z.string() })) });
  expect((await read("rescue", Rescue)).devices).toEqual(
    LOST.map((n) => ({ key: nameOf(n), wayBack: "new-leaf-in-entry" })),
  );
});
