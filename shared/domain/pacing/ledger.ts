import { z } from "zod";
import { instant, Instant } from "../instant";

/**
 * The arithmetic of the quota ledger: per resource one mark, up to which it is spoken for (GCRA's theoretical arrival
 * time, ATM Forum TM 4.1). A reservation begins where the mark stands and moves it by the time that its units take.
 */
export const LedgerRow = z.object({
  /** The mark, epoch milliseconds; with fractions, so that small units do not round away. */
  until: z.number().nonnegative(),
  /** The mark of breaches alone; absent: there was none. Never after `until`. */
  breachUntil: z.number().nonnegative().optional(),
  /** Nothing begins before this: the service asked for a pause. */
  notBefore: Instant.optional(),
  /** Share of the rate that the service bore when it last complained, and when that was. */
  factor: z.number().positive().max(1),
  factorAt: Instant,
});
export type LedgerRow = z.infer<typeof LedgerRow>;

/** What the roll may take of a resource. */
export interface Rate {
  /** Units per second, above 0. */
  readonly perSecond: number;
  /** What a breach may take at once after a rest; at most {@link AHEAD_MS}. 0 where the service counts by the second. */
  readonly burstMs: number;
}

/** `breach` goes ahead of `expiry`, which keeps what is over. */
export const Priority = z.enum(["breach", "expiry"]);
export type Priority = z.infer<typeof Priority>;

/**
 * Reservations reach at most this far ahead: who comes later than planned still finds work, and who is urgent waits little.
 * A breach goes ahead of the rest by as much, so that it waits for one batch of it at most.
 */
export const AHEAD_MS = 30_000;

/** Who was turned away comes again when this much has run down, and finds the others who were turned away. */
const COME_AGAIN_MS = AHEAD_MS / 2;

export interface Wanted<R extends string> {
  /** Units per resource, above 0; taken all together or not at all. */
  readonly resources: ReadonlyMap<R, number>;
  readonly priority: Priority;
  readonly at: Instant;
}

export type Granted<R extends string> =
  | {
      readonly outcome: "granted";
      /** Work may begin then, at most {@link AHEAD_MS} after `at`. */
      readonly grantedAt: Instant;
      /** The time that the units take at the slowest of the rates; spent evenly over it they are no burst at all. */
      readonly spreadMs: number;
      /** The resource that set `grantedAt`. */
      readonly binding: R;
    }
  /** Nothing was taken. */
  | { readonly outcome: "later"; readonly tryAt: Instant; readonly binding: R };

/** A resource that is wanted, as it stands. */
interface Standing<R extends string> {
  readonly name: R;
  readonly row: LedgerRow;
  readonly begins: number;
  readonly takesMs: number;
}

/**
 * Decides a reservation; `rows` holds the new rows, none where nothing was taken. However many reserve at once: of each
 * resource, `expiry` alone takes in no window of L milliseconds more than its rate times L and one batch; breaches
 * alone, more than its rate times (L + burst) and one batch; both, more than its rate times (L + {@link AHEAD_MS}) and one batch.
 *
 * All resources are booked from the moment that the slowest of them is free: a fast one rests meanwhile rather than be
 * used twice over later.
 * @throws RangeError for a resource without a rate.
 */
export function reserve<R extends string>(
  wanted: Wanted<R>,
  stored: ReadonlyMap<R, LedgerRow>,
  rates: ReadonlyMap<R, Rate>,
): { readonly granted: Granted<R>; readonly rows: ReadonlyMap<R, LedgerRow> } {
  const standings = [...wanted.resources].map(([name, units]) =>
    standing(name, units, rateOf(rates, name), stored.get(name) ?? newRow(wanted.at), wanted),
  );
  const slowest = standings.reduce<Standing<R> | undefined>(
    (worst, each) => (worst === undefined || each.begins > worst.begins ? each : worst),
    undefined,
  );
  if (slowest === undefined) throw new RangeError("a reservation names at least one resource");
  const grantedAt = instant(Math.ceil(slowest.begins));
  const binding = slowest.name;
  if (grantedAt - wanted.at > AHEAD_MS) {
    const tryAt = instant(grantedAt - COME_AGAIN_MS);
    return { granted: { outcome: "later", tryAt, binding }, rows: new Map() };
  }
  const rows = standings.map(({ name, row, takesMs }): [R, LedgerRow] => {
    const until = Math.max(row.until, grantedAt) + takesMs;
    const breachUntil = Math.max(row.breachUntil ?? 0, grantedAt) + takesMs;
    return [name, { ...row, until, ...(wanted.priority === "breach" ? { breachUntil } : {}) }];
  });
  const spreadMs = Math.ceil(Math.max(...standings.map(({ takesMs }) => takesMs)));
  return { granted: { outcome: "granted", grantedAt, spreadMs, binding }, rows: new Map(rows) };
}

/** What a service let the roll know about its pace. */
export type Feedback =
  /** 429, with the service's own wish where it stated one. */
  | { readonly kind: "throttled"; readonly retryAfterMs?: number }
  /** Devices take ever longer to come back. */
  | { readonly kind: "lag" };

const QUIET_MS = 60_000;
const RECOVERY = 0.05;

/**
 * Halves the pace, at most once a minute; it comes back by a twentieth of the full rate per quiet minute (AIMD). So it
 * never falls below a twentieth: half of that and of what came back is a twentieth again. A wish of the service holds back
 * everybody.
 */
export function heed(stored: LedgerRow | undefined, feedback: Feedback, at: Instant): LedgerRow {
  const row = stored ?? newRow(at);
  const wishMs = feedback.kind === "throttled" ? (feedback.retryAfterMs ?? 0) : 0;
  const pause = wishMs > 0 ? { notBefore: instant(Math.max(at + wishMs, row.notBefore ?? 0)) } : {};
  const isCooling = row.factor < 1 && at - row.factorAt < QUIET_MS;
  const pace = isCooling ? {} : { factor: factorNow(row, at) / 2, factorAt: at };
  return { ...row, ...pace, ...pause };
}

/** The share of its rate that a resource is paced at. */
export function factorNow({ factor, factorAt }: LedgerRow, at: Instant): number {
  return Math.min(1, factor + RECOVERY * Math.floor(Math.max(0, at - factorAt) / QUIET_MS));
}

function standing<R extends string>(
  name: R,
  units: number,
  { perSecond, burstMs }: Rate,
  row: LedgerRow,
  { at, priority }: Wanted<R>,
): Standing<R> {
  const free = priority === "breach" ? Math.max(row.until - AHEAD_MS, (row.breachUntil ?? 0) - burstMs) : row.until;
  const begins = Math.max(at, free, row.notBefore ?? 0);
  return { name, row, begins, takesMs: (units * 1_000) / (perSecond * factorNow(row, at)) };
}

function rateOf<R extends string>(rates: ReadonlyMap<R, Rate>, name: R): Rate {
  const rate = rates.get(name);
  if (rate === undefined || rate.perSecond <= 0) throw new RangeError(`there is no rate for ${name}`);
  return rate;
}

function newRow(at: Instant): LedgerRow {
  return { until: 0, factor: 1, factorAt: at };
}
