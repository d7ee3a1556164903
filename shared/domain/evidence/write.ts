import type { DeviceFacts } from "../device-facts";
import { refusedSince } from "../hub/hub-word";
import { formatInstant, type Instant } from "../instant";
import type { JournalEntry } from "../roll/batch";
import type { ControlJournalEntry } from "../roll/control";
import type { DeviceRow, ModulesFound } from "../roll/device-row";
import { deviceState } from "../roll/device-state";
import type { RollJournalEntry } from "../roll/journal";
import { isBreach } from "../roll/playbook";
import type { RollRequest } from "../roll/request";
import type { Roll } from "../roll/roll";
import type { DeviceLine, EvidenceLine, Link } from "./lines";

/** What a report says of the request: all of it but certificates, and of its targets only how many there are. */
export function requestLine({ targets, group, ...request }: RollRequest): EvidenceLine {
  const { compromised, successor, ...scope } = group ?? {};
  const { certificatePems: _pems, ...named } = compromised ?? {};
  const { chainPem: _chain, ...next } = successor ?? {};
  const parts = { compromised: compromised && named, successor: successor && next };
  const said = { ...request, targets: targets.length, group: group && { ...scope, ...parts } };
  return { kind: "request", request: JSON.parse(JSON.stringify(said)) as Record<string, never> };
}

export function commandLink({ command, before, after }: ControlJournalEntry): Link {
  const { at, by, verb, note } = command;
  return {
    kind: "command",
    at: formatInstant(at),
    by,
    verb,
    ...(note === undefined ? {} : { note }),
    ...(command.verb === "approve" ? { subject: { ...command.subject } } : {}),
    before,
    after,
  };
}

export function writeLink({ kind: stage, at, ...entry }: RollJournalEntry): Link {
  return { ...entry, kind: "write", stage, at: formatInstant(at) };
}

export function stepLink(batch: number, { step, kind: stage, at, entries }: JournalEntry): Link {
  return { kind: "step", batch, step, stage, at: formatInstant(at), devices: entries };
}

export function deviceLine(
  { playbook, requestedAt }: Pick<Roll, "playbook" | "requestedAt">,
  batch: number,
  row: DeviceRow,
  facts?: Pick<DeviceFacts, "hubs">,
): DeviceLine {
  const { registrationId, deviceId, assignedHub: hub, group, planned, containedAt, proof, refusal, failed } = row;
  const exposed = isBreach(playbook) ? exposedBecause(row) : undefined;
  return {
    kind: "device",
    registrationId,
    batch,
    state: deviceState(row),
    compromised: row.bad,
    allowed: row.allowed,
    broken: row.broken,
    warnings: row.warnings,
    ...present({ deviceId, hub, group, exposed, missing: row.missing, skipped: row.skipped }),
    ...(row.modules === undefined ? {} : { modules: modulesOf(row.modules) }),
    ...(isBreach(playbook) ? lastRefused(facts?.hubs, containedAt) : {}),
    ...present({ planned: planned?.sha256Thumbprint, refusal: refusal?.code, failed: failed?.reason }),
    ...present({ closedAt: time(row.entry.closedAt), stagedAt: time(row.stagedAt), retiredAt: time(row.retiredAt) }),
    ...(containedAt === undefined
      ? {}
      : { containedAt: formatInstant(containedAt), exposedMs: Math.max(0, containedAt - requestedAt) }),
    ...(proof === undefined ? {} : { proof: { ...proof, provenAt: formatInstant(proof.provenAt) } }),
  };
}

function modulesOf({ left, leftInAll, cut }: ModulesFound): NonNullable<DeviceLine["modules"]> {
  return { left, leftInAll, cut };
}

function lastRefused(hubs: DeviceFacts["hubs"], containedAt: Instant | undefined): Pick<DeviceLine, "refused"> {
  if (containedAt === undefined) return {};
  const [last] = [...refusedSince(hubs, containedAt)].sort((a, b) => b.refused.at - a.refused.at);
  return last === undefined ? {} : { refused: { hub: last.hub, ...last.refused, at: formatInstant(last.refused.at) } };
}

/** Why the old credential may still open something; what another roll has is that roll's to say. */
function exposedBecause({ skipped, containedAt, unconfirmed }: DeviceRow): string | undefined {
  if (containedAt !== undefined || /^(claimed|superseded)-by /.test(skipped ?? "")) return undefined;
  return skipped ?? unconfirmed ?? "not contained";
}

function time(at: Instant | undefined): string | undefined {
  return at === undefined ? undefined : formatInstant(at);
}

/** The properties that are there. */
function present<T extends Readonly<Record<string, string | undefined>>>(all: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined)) as { [K in keyof T]?: string };
}
