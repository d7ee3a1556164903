import type { Evidence } from "./evidence";

/** How long something took, measured by the services and the thief from the alert or the order on. Milliseconds. */
export interface Exposure {
  readonly p50Ms: number;
  readonly maxMs: number;
}

export interface RollTimings {
  /** Alert or order → the last moment at which a device's old key was accepted anywhere. */
  readonly exposure: Exposure;
  /** Alert or order → the moment the product called a device contained; only devices that were. */
  readonly contained: Exposure;
  /** Alert or order → the moment the product called a device proven; only devices that were. */
  readonly proven: Exposure;
  /** Alert or order → the product's first write at DPS or a hub; undefined: it wrote nothing. */
  readonly firstWriteMs: number | undefined;
}

/** When the old key of a device was last useful, by door; undefined: never. */
export interface LastUse {
  readonly dps: number | undefined;
  readonly hub: number | undefined;
  readonly session: number | undefined;
}

export function lastUses(evidence: Evidence): Map<string, LastUse> {
  const lastAccepted = new Map<string, number>();
  for (const { door, thumbprint, at, accepted } of evidence.knocks) {
    const key = `${door} ${thumbprint ?? ""}`;
    if (accepted) lastAccepted.set(key, Math.max(at, lastAccepted.get(key) ?? 0));
  }
  return new Map(
    evidence.rolled.map(({ registrationId, oldThumbprints }) => {
      const at = (door: "dps" | "hub") => latest(oldThumbprints.map((old) => lastAccepted.get(`${door} ${old}`)));
      const keys = evidence.keys.filter((key) => key.registrationId === registrationId);
      const session = latest(keys.map((key) => key.session.lastAcceptedAt));
      return [registrationId, { dps: at("dps"), hub: at("hub"), session }];
    }),
  );
}

export function rollTimings(evidence: Evidence): RollTimings {
  const since = (times: (number | undefined)[]): Exposure =>
    spread(times.flatMap((at) => (at === undefined ? [] : [Math.max(0, at - evidence.orderedAt)])));
  const stated = evidence.rolled.map(({ registrationId }) => evidence.stated.get(registrationId));
  const firstWrite = evidence.writes.find(({ at }) => at >= evidence.orderedAt);
  return {
    exposure: since([...lastUses(evidence).values()].map(({ dps, hub, session }) => latest([dps, hub, session]))),
    contained: since(stated.map((device) => device?.containedAt)),
    proven: since(stated.map((device) => device?.provenAt)),
    firstWriteMs: firstWrite === undefined ? undefined : firstWrite.at - evidence.orderedAt,
  };
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function spread(values: readonly number[]): Exposure {
  const sorted = [...values].sort((left, right) => left - right);
  return { p50Ms: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0, maxMs: sorted.at(-1) ?? 0 };
}
