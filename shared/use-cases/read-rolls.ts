import type { RollDeviceList, RollDeviceView, RollList, RollTrustView, RollView } from "../contract/operator-api";
import type { RollTrust } from "../domain/authority/roll-trust";
import { owesRestore } from "../domain/hub/guess";
import { RollId } from "../domain/ids";
import { formatInstant, type Instant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { addCounts, deviceState } from "../domain/roll/device-state";
import type { DeviceRow, Warning } from "../domain/roll/device-row";
import type { Roll } from "../domain/roll/roll";
import type { BatchStore, RollStore } from "../ports/stores";

export interface ReadRollsDeps {
  readonly rolls: RollStore;
  readonly batches: BatchStore;
}

export interface ReadRolls {
  /** Newest first. Problems: `invalid-limit`, `invalid-cursor`. */
  list(query: { readonly limit: string | null; readonly after: string | null }): Promise<RollList | Problem>;
  /** Problems: `unknown-roll`. */
  get(rollId: string): Promise<RollView | Problem>;
  /** One page per batch, so at most 90 devices. Problems: `unknown-roll`, `invalid-cursor`. */
  devices(rollId: string, after: string | null): Promise<RollDeviceList | Problem>;
}

const DEFAULT_PAGE = 20;
const LONGEST_PAGE = 100;

/** What operators read: from the product's own store, never from Azure and never from durable histories. */
export function createReadRolls({ rolls, batches }: ReadRollsDeps): ReadRolls {
  const view = async (roll: Roll): Promise<RollView> =>
    toView(roll, roll.counts ?? addCounts((await rolls.readSummaries(roll.rollId)).map(({ counts }) => counts)));
  const find = async (text: string): Promise<Roll | Problem> => {
    const rollId = RollId.safeParse(text);
    const roll = rollId.success ? await rolls.get(rollId.data) : undefined;
    return roll ?? problem(404, "unknown-roll", "there is no roll with this id; GET /api/rolls lists them");
  };
  return {
    list: async ({ limit, after }) => {
      const size = limit === null ? DEFAULT_PAGE : Number(limit);
      if (!Number.isInteger(size) || size < 1 || size > LONGEST_PAGE)
        return problem(400, "invalid-limit", `limit must be a whole number from 1 to ${LONGEST_PAGE}`);
      const cursor = after === null ? undefined : RollId.safeParse(after);
      if (cursor?.success === false)
        return problem(400, "invalid-cursor", "after must be the `next` of an earlier page");
      const page = await rolls.list({ limit: size, ...(cursor === undefined ? {} : { after: cursor.data }) });
      const last = page.at(-1);
      const more = page.length === size && last !== undefined;
      return { rolls: await Promise.all(page.map(view)), ...(more ? { next: last.rollId } : {}) };
    },
    get: async (text) => {
      const roll = await find(text);
      return isProblem(roll) ? roll : view(roll);
    },
    devices: async (text, after) => {
      const roll = await find(text);
      if (isProblem(roll)) return roll;
      const batch = after === null ? 0 : Number(after);
      if (!Number.isInteger(batch) || batch < 0 || (batch >= roll.batches && batch !== 0))
        return problem(400, "invalid-cursor", "after must be the `next` of an earlier page");
      // A roll has no batches before its list is made, and never has any where it was refused.
      const rows = await batches.find(roll.rollId, batch);
      if (rows === undefined) return { rollId: roll.rollId, devices: [] };
      return {
        rollId: roll.rollId,
        devices: rows.map(toDeviceView),
        ...(batch + 1 < roll.batches ? { next: String(batch + 1) } : {}),
      };
    },
  };
}

function toView(roll: Roll, counts: RollView["counts"]): RollView {
  const { rollId, playbook, phase, outcome, source, alertId, reason, devices, exposure, planHash, trust } = roll;
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
    requestedAt: formatInstant(roll.requestedAt),
    ...time("containedAt", roll.containedAt),
    ...time("finishedAt", roll.finishedAt),
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

function toDeviceView(row: DeviceRow): RollDeviceView {
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
