import { z } from "zod";
import type { DeviceFacts } from "../device-facts";
import { DeviceId, Etag, HubHostName, RegistrationId, Sha256Thumbprint, Slot } from "../ids";
import { Instant } from "../instant";
import { BATCH_SIZE } from "../roll/batch";
import { SeenEntry, type DeviceRow } from "../roll/device-row";
import type { RollTarget } from "../roll/request";

const Count = z.int().nonnegative();

/** How many examples of a finding a plan names. */
export const EXAMPLES = 5;

/** How many devices something is true of, and some of them. */
export const Tally = z.object({ code: z.string(), devices: Count, examples: z.array(z.string()).max(EXAMPLES) });
export type Tally = z.infer<typeof Tally>;

/** What is to be found where the roll writes, and what it will do; a batch's part of what an approval signs. */
export const Preconditions = z.object({
  batch: Count,
  devices: z
    .array(
      z.object({
        registrationId: RegistrationId,
        deviceId: DeviceId.optional(),
        /** `change`, or the code of why the device is left out. */
        decision: z.string(),
        newLeaf: Sha256Thumbprint.optional(),
        /** Takes the new leaf. */
        slot: Slot.optional(),
        /** The device's own enrollment as it was read. */
        entry: SeenEntry.optional(),
        identities: z.array(
          z.object({
            hub: HubHostName,
            etag: Etag,
            status: z.enum(["enabled", "disabled"]),
            primary: z.string().optional(),
            secondary: z.string().optional(),
          }),
        ),
      }),
    )
    .max(BATCH_SIZE),
});
export type Preconditions = z.infer<typeof Preconditions>;

/** What was found in one batch or in many. */
export const Examined = z.object({
  devices: Count,
  /** Those that the roll works on. */
  changing: Count,
  /** Why devices are left out; in a breach also whose replacement is refused, though they are contained. */
  refusals: z.array(Tally),
  warnings: z.array(Tally),
  /** Devices that may be lost, or that will make people wait. */
  atRisk: z.array(Tally),
  hubs: z.array(z.object({ host: HubHostName, devices: Count })),
  /** Modules have credentials of their own, which a roll of their device leaves as they are. */
  modules: z.object({ found: Count, examples: z.array(z.string()).max(EXAMPLES), notExamined: Count }),
  /** When the first of the certificates ends that devices of this roll run on, as far as DPS shows them. */
  firstNotAfter: Instant.optional(),
  /** SHA-256 over the canonical JSON of the batch's {@link Preconditions}; of many: over these, in order. */
  sha256: z.string().regex(/^[0-9A-F]{64}$/),
});
export type Examined = z.infer<typeof Examined>;

/** A hub that may know the device. */
export interface SeenIdentity {
  readonly hub: HubHostName;
  /** The device has an identity there. */
  readonly present: boolean;
  /** As it was read for the plan; undefined where nobody read it now. */
  readonly identity:
    | {
        readonly etag: Etag;
        readonly status: "enabled" | "disabled";
        readonly authentication: string;
        readonly primaryThumbprint: string | undefined;
        readonly secondaryThumbprint: string | undefined;
      }
    | undefined;
}

/** Everything that was read of one device. */
export interface SeenDevice {
  readonly row: DeviceRow;
  readonly target: Pick<RollTarget, "selfHeals" | "standbyLeaf">;
  readonly identities: readonly SeenIdentity[];
  readonly facts: DeviceFacts | undefined;
  /** Undefined: nobody looked. */
  readonly modules: readonly string[] | undefined;
}

export interface ExaminedWith {
  readonly breach: boolean;
  readonly now: Instant;
}

/** After so many days of silence a device is called long silent. */
export const SILENT_DAYS = 30;
const DAY_MS = 86_400_000;

/** Puts together what was read of a batch. `sha256` is of its {@link preconditions}. */
export function examine(seen: readonly SeenDevice[], o: ExaminedWith, sha256: string): Examined {
  const changing = seen.filter(({ row }) => decisionOf(row, o.breach) === "change");
  const ends = changing.flatMap(({ row }) => row.swap?.old.notAfter ?? []);
  return {
    devices: seen.length,
    changing: changing.length,
    refusals: tally(seen, ({ row }) => refusalsOf(row)),
    warnings: tally(seen, warningsOf),
    atRisk: tally(changing, (one) => risksOf(one, o)),
    hubs: hubsOf(changing),
    modules: modulesOf(changing),
    ...(ends.length === 0 ? {} : { firstNotAfter: Instant.parse(Math.min(...ends)) }),
    sha256,
  };
}

/** What the batch's later writes presuppose. */
export function preconditions(batch: number, seen: readonly SeenDevice[], breach: boolean): Preconditions {
  return {
    batch,
    devices: seen.map(({ row, identities }) => ({
      registrationId: row.registrationId,
      ...(row.deviceId === undefined ? {} : { deviceId: row.deviceId }),
      decision: decisionOf(row, breach),
      ...(row.planned === undefined ? {} : { newLeaf: row.planned.sha256Thumbprint }),
      ...(row.swap === undefined ? {} : { slot: row.swap.slot }),
      ...(row.seen === undefined ? {} : { entry: row.seen }),
      identities: identities.flatMap(({ hub, identity }) => {
        if (identity === undefined) return [];
        const { etag, status, primaryThumbprint, secondaryThumbprint } = identity;
        return [
          {
            ...{ hub, etag, status },
            ...(primaryThumbprint === undefined ? {} : { primary: primaryThumbprint }),
            ...(secondaryThumbprint === undefined ? {} : { secondary: secondaryThumbprint }),
          },
        ];
      }),
    })),
  };
}

/** Findings of several batches as one. */
export function addExamined(all: readonly Examined[], sha256: string): Examined {
  const sum = (of: (one: Examined) => number): number => all.reduce((total, one) => total + of(one), 0);
  const ends = all.flatMap(({ firstNotAfter }) => firstNotAfter ?? []);
  return {
    devices: sum(({ devices }) => devices),
    changing: sum(({ changing }) => changing),
    refusals: addTallies(all.flatMap(({ refusals }) => refusals)),
    warnings: addTallies(all.flatMap(({ warnings }) => warnings)),
    atRisk: addTallies(all.flatMap(({ atRisk }) => atRisk)),
    hubs: addHubs(all.flatMap(({ hubs }) => hubs)),
    modules: {
      found: sum(({ modules }) => modules.found),
      examples: all.flatMap(({ modules }) => modules.examples).slice(0, EXAMPLES),
      notExamined: sum(({ modules }) => modules.notExamined),
    },
    ...(ends.length === 0 ? {} : { firstNotAfter: Instant.parse(Math.min(...ends)) }),
    sha256,
  };
}

/** A breach contains whoever is not left to another roll, whatever the replacement is like. */
function decisionOf(row: DeviceRow, breach: boolean): string {
  if (row.skipped !== undefined) return wordOf(row.skipped);
  return breach ? "change" : (row.refusal?.code ?? "change");
}

function refusalsOf({ skipped, refusal }: DeviceRow): string[] {
  if (skipped !== undefined) return [wordOf(skipped)];
  return refusal === undefined ? [] : [refusal.code];
}

/** `claimed-by 2026…` without the roll, which is another for each device. */
function wordOf(reason: string): string {
  return reason.split(" ")[0] ?? reason;
}

function warningsOf({ row, identities }: SeenDevice): string[] {
  const sas = identities.some(({ identity }) => identity?.authentication === "sas");
  const pending = row.replacementPending === undefined ? [] : [row.replacementPending];
  return [...new Set([...row.warnings, ...pending, ...(sas ? ["sas-authentication"] : [])])];
}

function risksOf({ target, facts }: SeenDevice, { breach, now }: ExaminedWith): string[] {
  const silent =
    facts?.lastSeen === undefined
      ? ["never-heard"]
      : now - facts.lastSeen.enqueuedAt > SILENT_DAYS * DAY_MS
        ? ["long-silent"]
        : [];
  // Where both leaves stay valid nobody is cut off.
  if (!breach) return silent;
  const { selfHeals, standbyLeaf } = target;
  if (selfHeals === false || standbyLeaf === false) return ["no-way-back", ...silent];
  return selfHeals === true && standbyLeaf === true ? silent : ["way-back-unknown", ...silent];
}

function hubsOf(changing: readonly SeenDevice[]): Examined["hubs"] {
  return addHubs(
    changing.flatMap(({ row, identities }) => {
      const found = identities.filter(({ present }) => present).map(({ hub }) => hub);
      const known = found.length > 0 || row.assignedHub === undefined ? found : [row.assignedHub];
      return known.map((host) => ({ host, devices: 1 }));
    }),
  );
}

function addHubs(all: Examined["hubs"]): Examined["hubs"] {
  const hosts = [...new Set(all.map(({ host }) => host))].sort();
  return hosts.map((host) => ({
    host,
    devices: all.reduce((sum, one) => sum + (one.host === host ? one.devices : 0), 0),
  }));
}

function modulesOf(changing: readonly SeenDevice[]): Examined["modules"] {
  const found = changing.flatMap(({ modules = [], row }) =>
    modules.map((moduleId) => `${row.deviceId ?? row.registrationId}/${moduleId}`),
  );
  return {
    found: found.length,
    examples: found.slice(0, EXAMPLES),
    notExamined: changing.filter(({ modules }) => modules === undefined).length,
  };
}

function tally(seen: readonly SeenDevice[], codesOf: (one: SeenDevice) => readonly string[]): Tally[] {
  return addTallies(
    seen.flatMap((one) =>
      codesOf(one).map((code) => ({ code, devices: 1, examples: [one.row.registrationId as string] })),
    ),
  );
}

/** By code, in alphabetical order. */
function addTallies(all: readonly Tally[]): Tally[] {
  const sums = new Map<string, Tally>();
  for (const { code, devices, examples } of all) {
    const before = sums.get(code) ?? { code, devices: 0, examples: [] };
    const named = [...before.examples, ...examples].slice(0, EXAMPLES);
    sums.set(code, { code, devices: before.devices + devices, examples: named });
  }
  return [...sums.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}
