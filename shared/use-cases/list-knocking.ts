import type { KnockingList } from "../contract/operator-api";
import { StragglersQuery } from "../contract/operator-queries";
import type { DeviceFacts } from "../domain/device-facts";
import { refusedSince } from "../domain/hub/hub-word";
import { formatInstant } from "../domain/instant";
import { isProblem, type Problem } from "../domain/outcome";
import type { BatchSummary } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import type { FactStore } from "../ports/stores";
import { pageOfBatches } from "./page-of-batches";
import { readQuery, type Query } from "./query";
import type { ReadRollsDeps } from "./read-rolls";
import { findWholeRoll } from "./find-roll";

export interface ListKnockingDeps extends ReadRollsDeps {
  readonly facts: Pick<FactStore, "read">;
}

/** Batches per answer: at most 900 devices. */
const BATCHES = 10;

/**
 * Devices of a roll in whose name somebody tried to connect after they were contained, and was refused: the thief, or the
 * device itself on its old leaf. Empty where no connection logs come in. Problems: `unknown-roll`, `roll-purged`, `invalid-query`.
 */
export function createListKnocking(
  deps: ListKnockingDeps,
): (rollId: string, query: Query) => Promise<KnockingList | Problem> {
  return async (id, asked) => {
    const roll = await findWholeRoll(deps.rolls, id);
    if (isProblem(roll)) return roll;
    const query = readQuery(StragglersQuery, asked);
    if (isProblem(query)) return query;
    const { rows, next } = await pageOfBatches(roll, Number(query.value.after ?? 0), BATCHES, deps, hasContained);
    const facts = await deps.facts.read(rows.flatMap(({ deviceId }) => deviceId ?? []));
    const devices = rows.flatMap((row) =>
      row.deviceId === undefined ? [] : knocksOf(row, facts.get(row.deviceId)?.hubs),
    );
    return { rollId: roll.rollId, devices, ...(next === undefined ? {} : { next: String(next) }) };
  };
}

function hasContained({ contained }: BatchSummary): boolean {
  return contained.length > 0;
}

function knocksOf({ registrationId, containedAt, bad }: DeviceRow, hubs: DeviceFacts["hubs"]): KnockingList["devices"] {
  if (containedAt === undefined) return [];
  return refusedSince(hubs, containedAt).map(({ hub, refused: { at, code, sha256Thumbprint } }) => ({
    registrationId,
    hub,
    containedAt: formatInstant(containedAt),
    lastRefusedAt: formatInstant(at),
    code,
    ...(sha256Thumbprint === undefined ? {} : { sha256Thumbprint, compromised: bad.includes(sha256Thumbprint) }),
  }));
}
