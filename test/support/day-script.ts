import { createIntermediate, createRoot, issueLeaf, type LabCertificate } from "../../lab/pki/certificates";
import { resourceLogOf } from "../../lab/iot-hub/events/resource-log";
import { RegistrationId } from "../../shared/domain/ids";
import { DEFAULT_POLICIES } from "../../shared/domain/policy/policies";
import type { EventCounts } from "../../shared/domain/source-counts";
import { gridEvent, monitor } from "../unit/use-cases/alert-samples";
import { FOREIGN_WAYS, signedAlert } from "./day-alerts";
import { HUB, type DayApp } from "./day-app";
import { DayFleet, type DayDevice } from "./day-fleet";
import { DayStream } from "./day-stream";

const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const BEGIN = Date.UTC(2026, 0, 1);
const SILENT_FROM = BEGIN + 10 * HOUR;
const DEVICES = 1_000;

/** Devices by number: who does what in this day. Certificates of the first run out soon and are rolled by policy. */
export const EXPIRING = range(0, 30);
/** Their certificates have run out before anybody looked. */
export const LOST = range(30, 2);
/** Breached; the alert brings its new leaf. */
export const HEALING = 40;
/** Breached, one by each way of the foreign senders; they have no other leaf. */
export const VICTIMS = range(41, FOREIGN_WAYS.length);
/** They come through a group whose CA runs out this year. */
const MEMBERS = range(60, 40);
/** A tenth of the fleet. */
export const SILENT = range(100, DEVICES - 100).filter((n) => n % 9 === 1);

const RULES = [
  {
    ...{ name: "leaves", level: "leaf", warnBeforeDays: 30, rollBeforeDays: 20, criticalBeforeDays: 2 },
    ...{ action: "start", spreadDays: 0, replacement: { kind: "blob" } },
  },
  ...DEFAULT_POLICIES.policies.expiry.filter(({ level }) => level !== "leaf"),
];

/** What happened that the app's own store does not say. */
export interface DayRecord {
  readonly fleet: DayFleet;
  /** What senders were told, by the way by which the alert came: rolls, or the answer's text. */
  readonly told: ReadonlyMap<string, ReadonlySet<string>>;
  /** By source, what every event of the day was to become. */
  readonly account: () => ReadonlyMap<string, EventCounts>;
  /** Requests that were answered otherwise than they had to be. */
  readonly odd: readonly string[];
}

/** Makes the fleet and plans its day; nothing happens before the clock goes. */
export function planDay(day: DayApp): DayRecord {
  const fleet = new DayFleet(day.azure, day.heartbeats, () => day.clock.now());
  const told = new Map<string, Set<string>>();
  const odd: string[] = [];
  const note = (way: string, what: string | undefined): void => {
    const known = told.get(way) ?? new Set();
    told.set(way, what === undefined ? known : known.add(what));
  };
  enroll(day, fleet);
  planHeartbeats(day, fleet);
  planPolicies(day);
  planAlerts(day, fleet, note);
  planBadInput(day, odd);
  planLogs(day, fleet);
  const grid = planGridEvents(day);
  const account = (): ReadonlyMap<string, EventCounts> =>
    new Map([day.heartbeats, day.logs, grid].flatMap((stream) => [...stream.account()]));
  return { fleet, told, odd, account };
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => from + n);
}

export function nameOf(n: number): string {
  return `pump-${String(n).padStart(4, "0")}`;
}

const validity = (days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(BEGIN - 30 * DAY),
  notAfter: new Date(BEGIN + days * DAY),
});

function enroll({ azure, replacements }: DayApp, fleet: DayFleet): void {
  const root = createRoot({ commonName: "Fleet root", ...validity(3_650) });
  const oldRoot = createRoot({ commonName: "Old root", ...validity(200) });
  const line = createIntermediate({ commonName: "Line 7", issuer: root, ...validity(100) });
  const leafOf = (n: number, days: number, issuer = root): LabCertificate =>
    issueLeaf({ commonName: nameOf(n), issuer, ...validity(days) });
  azure.addAuthority("fleet-root", root.certificatePem);
  azure.addAuthority("old-root", oldRoot.certificatePem);
  azure.addGroup({ groupId: "line-7", signingPems: [line.certificatePem] });
  for (const n of range(0, DEVICES)) {
    const [id, inGroup] = [nameOf(n), MEMBERS.includes(n)];
    const days = EXPIRING.includes(n) ? 10 : LOST.includes(n) ? 1 / 12 : inGroup ? 90 : 365;
    const leaf = leafOf(n, days, inGroup ? line : root);
    const silentFrom = LOST.includes(n) ? BEGIN : SILENT.includes(n) ? SILENT_FROM : undefined;
    const fresh = EXPIRING.includes(n) || n === HEALING ? leafOf(n, 365) : undefined;
    if (!inGroup) azure.addEnrollment({ registrationId: id, primaryPem: leaf.certificatePem });
    fleet.add({ id, leaf, ...(fresh && { fresh }), ...(silentFrom === undefined ? {} : { silentFrom }) });
    if (EXPIRING.includes(n)) replacements.blobs.set(RegistrationId.parse(id), fresh?.chainPem ?? "");
  }
}

/** A twelfth of the fleet every five minutes; devices do what they were told within two. */
function planHeartbeats(day: DayApp, fleet: DayFleet): void {
  for (const slot of range(0, 288))
    day.at(BEGIN + slot * 5 * MINUTE + 30_000, async () => {
      const due = fleet.all().filter((_, n) => n % 12 === slot % 12);
      for (const one of due) fleet.beat(one);
      disturb(day, fleet, due, slot);
      await day.heartbeats.deliver();
    });
  for (let at = MINUTE; at < DAY; at += 2 * MINUTE) day.at(BEGIN + at + 1_000, () => fleet.obey());
}

/** What event streams do: events come again, old ones come again, some are of no use, some are nobody's. */
function disturb({ heartbeats }: DayApp, fleet: DayFleet, due: readonly DayDevice[], slot: number): void {
  for (const { id, last } of due.slice(3, 8))
    if (last !== undefined) heartbeats.again(fleet.partitionOf(id), "duplicate", last);
  for (const { id, first, last } of due.slice(8, 12))
    if (first !== undefined && first !== last) heartbeats.again(fleet.partitionOf(id), "stale", first);
  const partition = String(slot % 4);
  const systemProperties = fleet.systemOf(nameOf(500));
  const plain = { body: Buffer.alloc(0), properties: { messageType: "heartbeat" } };
  heartbeats.send(partition, "poison", { ...plain, systemProperties: {} });
  for (const more of [{ "iothub-connection-module-id": "agent" }, { "iothub-message-source": "twinChangeEvents" }])
    heartbeats.send(partition, "ignored", { ...plain, systemProperties: { ...systemProperties, ...more } });
}

function planPolicies(day: DayApp): void {
  day.at(BEGIN + 10 * MINUTE, async () => {
    const body = JSON.stringify({ alerts: DEFAULT_POLICIES.policies.alerts, expiry: RULES });
    const set = await day.ask("policies", { method: "PUT", headers: { "if-match": '"v0"' }, body });
    if (set.status !== 200) throw new Error(JSON.stringify(set));
  });
}

/** Each alert comes, comes again at once as from senders that were not answered, and again when its roll has long ended. */
function planAlerts(day: DayApp, fleet: DayFleet, note: (way: string, what: string | undefined) => void): void {
  for (const again of [0, MINUTE, 12 * HOUR]) {
    FOREIGN_WAYS.forEach((way, nth) => {
      day.at(BEGIN + 5 * HOUR + nth * MINUTE + again, async () => {
        note(way.name, await way.send(day, nameOf(VICTIMS[nth] ?? 0)));
      });
    });
    day.at(BEGIN + 4 * HOUR + again, async () => {
      const chainPem = fleet.all()[HEALING]?.fresh?.chainPem ?? "";
      const { body } = await day.ask("alerts/webhook", signedAlert(day, nameOf(HEALING), chainPem));
      note("alerts/webhook", /"rollId":"([^"]+)"/.exec(JSON.stringify(body))?.[1]);
    });
  }
  // Nobody closes a CA for a medium alert.
  day.at(BEGIN + 6 * HOUR, async () => {
    const custom = { enrollmentGroupId: "line-7", authority: "intermediate" };
    const body = JSON.stringify(monitor({ alertId: "m-2", severity: "Sev2" }, custom));
    note("medium", JSON.stringify((await day.ask("alerts/monitor", { method: "POST", body })).body));
  });
}

function planBadInput(day: DayApp, odd: string[]): void {
  day.at(BEGIN + 7 * HOUR, async () => {
    for (const { path } of FOREIGN_WAYS) {
      if (path === undefined) continue;
      for (const body of ["{", "[]{}", '{"hello":1}']) {
        const { status } = await day.ask(path, { method: "POST", body });
        if (status !== 400) odd.push(`${path} answered ${status} to ${body}`);
      }
    }
  });
}

/** Somebody tries the key that leaked, and the hub's log has it. */
function planLogs(day: DayApp, fleet: DayFleet): void {
  const stolen = fleet.all()[HEALING]?.leaf;
  const shown = `SHA1Hash=${stolen?.sha1Thumbprint ?? ""}, SHA2Hash=${stolen?.sha256Thumbprint ?? ""}`;
  const reason = `Thumbprint does not match configuration: Thumbprint: ${shown}; Configuration: PrimaryThumbprint=, SecondaryThumbprint=`;
  const entry = (n: number, outcome: "accepted" | "refused"): object =>
    resourceLogOf(HUB, { at: day.clock.now(), deviceId: nameOf(n), outcome, reason });
  const event = (text: string): Parameters<DayApp["logs"]["send"]>[2] => ({
    ...{ body: Buffer.from(text), properties: {}, systemProperties: {} },
  });
  day.at(BEGIN + 8 * HOUR, async () => {
    const knock = entry(HEALING, "refused");
    const records = [knock, entry(500, "accepted"), knock, { category: "Routes" }];
    day.logs.send("1", "applied", event(JSON.stringify({ records })), 2);
    day.logs.expect("1", "duplicate", 1);
    day.logs.expect("1", "ignored", 1);
    day.logs.send("2", "poison", event("no logs"));
    await day.logs.deliver();
  });
}

/** Event Grid tells of devices as well, at least once. Its account has no partitions, but hubs. */
function planGridEvents(day: DayApp): DayStream {
  const grid = new DayStream("eventgrid", () => day.clock.now());
  const connected = (n: number): object => ({
    ...gridEvent({ id: `connected-${n}`, eventType: "Microsoft.Devices.DeviceConnected" }),
    eventTime: new Date(day.clock.now()).toISOString(),
    data: {
      ...{ hubName: "ih-fleet-prod", deviceId: nameOf(n) },
      deviceConnectionStateEventInfo: { sequenceNumber: n.toString(16).padStart(64, "F") },
    },
  });
  for (const again of [false, true])
    day.at(BEGIN + 9 * HOUR + (again ? MINUTE : 0), async () => {
      const body = JSON.stringify([connected(500), connected(501)]);
      await day.ask("alerts/eventgrid", { method: "POST", body });
      await day.grid("gridAlerts", [connected(again ? 502 : 501)]);
      grid.expect("ih-fleet-prod", again ? "duplicate" : "applied", 2);
      grid.expect("ih-fleet-prod", again ? "applied" : "duplicate", 1);
    });
  return grid;
}
