import { z } from "zod";
import { owesRestore } from "../hub/guess";
import { Instant } from "../instant";
import { WaveCounts } from "../pacing/judge-wave";
import { isAside, isAtWork, isInFlight, waveStanding } from "./attempts";
import { BATCH_SIZE } from "./batch";
import type { DeviceRow } from "./device-row";
import { addCounts, countStates, DeviceCounts, isOpen } from "./device-state";
import { hasResidue } from "./next-step";

/**
 * What a roll has to know of a batch without reading its rows: written with every change of the batch, under the roll's own
 * partition, so that the progress of a million devices is a dozen pages.
 */
export const BatchSummary = z.object({
  batch: z.int().nonnegative(),
  counts: DeviceCounts,
  /** Devices as a wave is judged by them; those of `leftOut` are in none of the four. */
  wave: WaveCounts,
  /** Skipped, or refused before anything was sent: no wave waits for them. */
  leftOut: z.int().nonnegative(),
  /** Devices that the roll still waits for, or owes something. */
  waiting: z.int().nonnegative(),
  /** Devices that were told and may still answer. */
  inFlight: z.int().nonnegative(),
  /** When some device of it is to be looked at again, as far as the clock decides; 0 = now, absent = nothing is planned. */
  dueAt: Instant.optional(),
  /** When the first old leaf of a proven device may go that is still in its entry. */
  retireAt: Instant.optional(),
  /** When the first certificate runs out that is to be replaced. */
  oldEndsAt: Instant.optional(),
  /** Hub identities of others that are to be given back. */
  owed: z.int().nonnegative(),
  /** How often containment was found broken after it had been claimed; absent: never. */
  broken: z.int().positive().optional(),
  /** Devices with modules whose credentials still open something; absent: none. */
  residual: z.int().positive().optional(),
  /** When its devices were found contained, and how many at that moment. */
  contained: z.array(z.tuple([Instant, z.int().positive()])).max(BATCH_SIZE),
});
export type BatchSummary = z.infer<typeof BatchSummary>;

export function summarize(batch: number, rows: readonly DeviceRow[]): BatchSummary {
  const wave = { succeeded: 0, failed: 0, unreachable: 0, open: 0 };
  let leftOut = 0;
  for (const row of rows) {
    const standing = waveStanding(row);
    if (standing === "left-out") leftOut += 1;
    else wave[standing] += 1;
  }
  const dueAt = earliestDue(rows);
  const retireAt = earliest(rows.filter(isToRetire).map(({ swap }) => swap?.old.notAfter ?? NOW));
  const rolled = rows.filter(({ skipped, refusal }) => skipped === undefined && refusal === undefined);
  const oldEndsAt = earliest(rolled.flatMap(({ swap }) => swap?.old.notAfter ?? []));
  return {
    batch,
    counts: countStates(rows),
    wave,
    leftOut,
    waiting: rows.filter(isWaitedFor).length,
    inFlight: rows.filter(isInFlight).length,
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(retireAt === undefined ? {} : { retireAt }),
    ...(oldEndsAt === undefined ? {} : { oldEndsAt }),
    owed: rows.filter((row) => owesRestore(row)).length,
    ...some(
      "broken",
      rows.map((row) => row.broken),
    ),
    ...some(
      "residual",
      rows.map((row) => (hasResidue(row) ? 1 : 0)),
    ),
    contained: momentsOf(rows),
  };
}

/** Several batches as one; moments are the earliest. */
export function addSummaries(all: readonly BatchSummary[]): Omit<BatchSummary, "batch"> {
  const sum = (of: (one: BatchSummary) => number): number => all.reduce((total, one) => total + of(one), 0);
  const dueAt = earliest(all.flatMap((one) => one.dueAt ?? []));
  const retireAt = earliest(all.flatMap((one) => one.retireAt ?? []));
  const oldEndsAt = earliest(all.flatMap((one) => one.oldEndsAt ?? []));
  return {
    counts: addCounts(all.map(({ counts }) => counts)),
    wave: {
      succeeded: sum(({ wave }) => wave.succeeded),
      failed: sum(({ wave }) => wave.failed),
      unreachable: sum(({ wave }) => wave.unreachable),
      open: sum(({ wave }) => wave.open),
    },
    leftOut: sum(({ leftOut }) => leftOut),
    waiting: sum(({ waiting }) => waiting),
    inFlight: sum(({ inFlight }) => inFlight),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(retireAt === undefined ? {} : { retireAt }),
    ...(oldEndsAt === undefined ? {} : { oldEndsAt }),
    owed: sum(({ owed }) => owed),
    ...some(
      "broken",
      all.map(({ broken }) => broken ?? 0),
    ),
    ...some(
      "residual",
      all.map(({ residual }) => residual ?? 0),
    ),
    contained: all.flatMap(({ contained }) => contained),
  };
}

/** What is nothing as a rule is left out. */
function some<K extends "broken" | "residual">(name: K, parts: readonly number[]): Partial<Record<K, number>> {
  const total = parts.reduce((sum, one) => sum + one, 0);
  return total === 0 ? {} : ({ [name]: total } as Record<K, number>);
}

function isWaitedFor(row: DeviceRow): boolean {
  return isAtWork(row) || isAside(row) || isOpen(row) || owesRestore(row);
}

function earliestDue(rows: readonly DeviceRow[]): Instant | undefined {
  if (rows.some(isAtWork)) return NOW;
  return earliest(rows.flatMap((row) => (isAside(row) && row.tryAgainAt !== undefined ? [row.tryAgainAt] : [])));
}

function earliest(moments: readonly Instant[]): Instant | undefined {
  return moments.reduce<Instant | undefined>(
    (first, at) => (first === undefined || at < first ? at : first),
    undefined,
  );
}

/** Proven, and its old leaf is in the entry still, with nothing known that speaks for it. */
export function isToRetire({ skipped, proof, retiredAt, kept, swap }: DeviceRow): boolean {
  const isProven = skipped === undefined && proof !== undefined;
  return isProven && swap !== undefined && retiredAt === undefined && kept === undefined;
}

const NOW = Instant.parse(0);

function momentsOf(rows: readonly DeviceRow[]): [Instant, number][] {
  const moments = new Map<Instant, number>();
  for (const { containedAt } of rows)
    if (containedAt !== undefined) moments.set(containedAt, (moments.get(containedAt) ?? 0) + 1);
  return [...moments];
}
