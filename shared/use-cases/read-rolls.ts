import { RollDevicesQuery, RollsQuery } from "../contract/operator-queries";
import type { RollDeviceList, RollDeviceView, RollList, RollTrustView, RollView } from "../contract/operator-api";
import type { RollTrust } from "../domain/authority/roll-trust";
import { owesRestore } from "../domain/hub/guess";
import type { BatchSummary } from "../domain/roll/batch-summary";
import { formatInstant, type Instant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { addCounts, deviceState } from "../domain/roll/device-state";
import type { DeviceRow, Warning } from "../domain/roll/device-row";
import type { Roll } from "../domain/roll/roll";
import type { BatchStore, RollStore } from "../ports/stores";
import { findRoll, findWholeRoll } from "./find-roll";
import { pageOfBatches } from "./page-of-batches";
import { readQuery, type Query } from "./query";
import { searchRolls } from "./search-rolls";

export interface ReadRollsDeps {
  readonly rolls: RollStore;
  readonly batches: BatchStore;
}

export interface ReadRolls {
  /** Newest first; a page may be short though more follow. Problems: `invalid-query`. */
  list(query: Query): Promise<RollList | Problem>;
  /** Problems: `unknown-roll`. */
  get(rollId: string): Promise<RollView | Problem>;
  /** One page per batch, so at most 90 devices; with `state` only those, and no page without one. Problems: `unknown-roll`, `roll-purged`, `invalid-query`, `invalid-cursor`. */
  devices(rollId: string, query: Query): Promise<RollDeviceList | Problem>;
}

/** What operators read: from the product's own store, never from Azure and never from durable histories. */
export function createReadRolls({ rolls, batches }: ReadRollsDeps): ReadRolls {
  const view = async (roll: Roll): Promise<RollView> =>
    toView(roll, roll.counts ?? addCounts((await rolls.readSummaries(roll.rollId)).map(({ counts }) => counts)));
  return {
    list: async (asked) => {
      const query = readQuery(RollsQuery, asked);
      if (isProblem(query)) return query;
      const { found, next } = await searchRolls(rolls, query.value);
      return { rolls: await Promise.all(found.map(view)), ...(next === undefined ? {} : { next }) };
    },
    get: async (text) => {
      const roll = await findRoll(rolls, text);
      return isProblem(roll) ? roll : view(roll);
    },
    devices: async (text, asked) => {
      const roll = await findWholeRoll(rolls, text);
      if (isProblem(roll)) return roll;
      const query = readQuery(RollDevicesQuery, asked);
      if (isProblem(query)) return query;
      const { after, state } = query.value;
      const from = Number(after ?? 0);
      if (from >= roll.batches && from !== 0)
        return problem(400, "invalid-cursor", "after must be the `next` of an earlier page");
      const holds = ({ counts }: BatchSummary): boolean => state === undefined || (counts[state] ?? 0) > 0;
      const page = await pageOfBatches(roll, from, 1, { rolls, batches }, state === undefined ? undefined : holds);
      const wanted = page.rows.filter((row) => state === undefined || deviceState(row) === state);
      return {
        rollId: roll.rollId,
        devices: wanted.map(toDeviceView),
        ...(page.next === undefined ? {} : { next: String(page.next) }),
      };
    },
  };
}

function toView(roll: Roll, counts: RollView["counts"]): RollView {
  const { rollId, playbook, phase, outcome, source, alertId, reason, devices, exposure, planHash, trust } = roll;
  const { examination } = roll;
  const statusUrl = `/api/rolls/${rollId}`;
  return {
    rollId,
    playbook,
    phase,
    ...(outcome === undefined ? {} : { outcome }),
    source,
    alertId,
    reason,
    devices,
    counts,
    ...(planHash === undefined ? {} : { planHash }),
    ...(exposure === undefined ? {} : { exposure }),
    ...(trust === undefined ? {} : { trust: toTrustView(trust, statusUrl) }),
    ...(examination === undefined
      ? {}
      : { examination: { ...examination, startedAt: formatInstant(examination.startedAt) } }),
    requestedAt: formatInstant(roll.requestedAt),
    ...time("containedAt", roll.containedAt),
    ...time("finishedAt", roll.finishedAt),
    ...time("purgedAt", roll.purged?.at),
    statusUrl,
    devicesUrl: `${statusUrl}/devices`,
  };
}

function toTrustView({ successor, possession, stagedAt, ...trust }: RollTrust, statusUrl: string): RollTrustView {
  return {
    ...trust,
    ...(successor === undefined ? {} : { successor: { ...successor, notAfter: formatInstant(successor.notAfter) } }),
    ...(possession === undefined
      ? {}
      : {
          possession: {
            ...possession,
            since: formatInstant(possession.since),
            possessionUrl: `${statusUrl}/possession`,
          },
        }),
    ...time("stagedAt", stagedAt),
  };
}

/** A device's row as operators see it. */
export function toDeviceView(row: DeviceRow): RollDeviceView {
  const state = deviceState(row);
  const detail = detailOf(row);
  return {
    registrationId: row.registrationId,
    ...(row.deviceId === undefined ? {} : { deviceId: row.deviceId }),
    state,
    ...(detail === undefined ? {} : { detail }),
    ...(row.refusal === undefined ? {} : { refusal: { outcome: "replacement-refused" as const, ...row.refusal } }),
    warnings: row.warnings,
    ...(row.planned === undefined ? {} : { plannedThumbprint: row.planned.sha256Thumbprint }),
    ...time("closedAt", row.entry.closedAt),
    ...time("containedAt", row.containedAt),
    ...time("stagedAt", row.stagedAt),
    ...time("provenAt", row.proof?.provenAt),
    ...time("retiredAt", row.retiredAt),
  };
}

function detailOf(row: DeviceRow): string | undefined {
  if (row.skipped !== undefined) return row.skipped;
  if (row.heldBack !== undefined) return HELD_BACK;
  const sentences = [standsAt(row), ...oddities(row)].filter((text) => text !== undefined);
  return sentences.length === 0 ? undefined : sentences.join("; ");
}

const HELD_BACK =
  "treat as exposed: more devices than an alert may cut off without a person; approve the roll's planHash, or abort it";

/** What a person has to know whatever the device's state is. */
function oddities(row: DeviceRow): string[] {
  const has = (warning: Warning): boolean => row.warnings.includes(warning);
  return [
    ...(row.entry.state === "missing" ? ["DPS has no individual enrollment for it"] : []),
    ...(has("sas-authentication") ? ["its hub identity takes shared keys, which no roll of certificates touches"] : []),
    ...(row.modules === undefined || row.modules.leftInAll === 0
      ? []
      : [
          `residual access: ${row.modules.leftInAll} modules keep credentials of their own (${row.modules.left.join(", ")})`,
        ]),
    ...(owesRestore(row) ? ["another device's identity, taken for this one's, still has to be given back"] : []),
  ];
}

function standsAt(row: DeviceRow): string | undefined {
  if (row.retiredAt === undefined && row.kept !== undefined) return `its old certificate stays: ${row.kept}`;
  if (row.proof !== undefined) return undefined;
  if (row.failed !== undefined) return withRetry(row, row.failed.detail);
  if (row.regressed !== undefined) return withRetry(row, row.regressed.detail);
  if (row.unreachable !== undefined) return withRetry(row, `no answer: ${row.unreachable.reason}`);
  if (row.unconfirmed !== undefined) return `treat as exposed: ${row.unconfirmed}`;
  if (row.missing !== undefined) return `the proof still misses: ${row.missing}`;
  if (row.containedAt === undefined) return changingOver(row);
  if (row.replacementPending !== undefined)
    return `contained; the replacement cannot be judged yet (${row.replacementPending}) and is tried again`;
  if (row.allowed.length === 0) return "contained; it needs a new certificate";
  return row.attempt === undefined
    ? "contained; waiting for the device to come back with its new certificate"
    : "asked to report";
}

/** Both certificates are valid meanwhile. */
function changingOver({ attempt, csr, planned, stagedAt, replacementPending }: DeviceRow): string | undefined {
  if (replacementPending !== undefined)
    return `the replacement cannot be judged yet (${replacementPending}) and is tried again`;
  if (attempt !== undefined)
    return attempt.acknowledgedAt === undefined
      ? "told to change over; no answer yet"
      : "told to change over; it has agreed";
  if (stagedAt !== undefined) return "both certificates are in its enrollment; it has yet to be told";
  if (csr === undefined || planned !== undefined) return undefined;
  return csr.receivedAt === undefined ? "asked for a certificate request" : "its certificate is being issued";
}

function withRetry({ tryAgainAt }: DeviceRow, what: string): string {
  return tryAgainAt === undefined ? what : `${what}; tried again at ${formatInstant(tryAgainAt)}`;
}

function time<K extends string>(name: K, at: Instant | undefined): Partial<Record<K, string>> {
  return at === undefined ? {} : ({ [name]: formatInstant(at) } as Record<K, string>);
}
