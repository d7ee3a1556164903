import type { HubHostName } from "../ids";
import { addMs, type Instant } from "../instant";
import { binding, sustained, type Fleet } from "../pacing/limits";
import type { DpsQuota, HubSku } from "../pacing/quotas";
import { takenBy, USAGE, type Variant } from "../pacing/usage";
import type { Wave } from "../pacing/wave-policy";
import { endsBeforeExpiry, plannedEnd, type WindowStarts } from "../pacing/windows";
import { isBreach } from "../roll/playbook";
import type { RollRequest } from "../roll/request";
import type { Examined } from "./examined";
import type { PlanPace } from "./roll-plan";

/** What this installation may take of Azure's quotas. */
export interface Allowance {
  readonly dps: DpsQuota;
  readonly hubs: ReadonlyMap<HubHostName, HubSku>;
  /** Above 0 up to 1. */
  readonly headroom: number;
}

export interface PaceFacts {
  readonly request: RollRequest;
  readonly found: Examined;
  readonly waves: readonly Pick<Wave, "settleMs">[];
  readonly allowance: Allowance;
  /** The first certificate to end of those that are rolled, as far as it is known. */
  readonly firstNotAfter: Instant | undefined;
  readonly starts: WindowStarts;
  readonly now: Instant;
}

/** Time for the last device of a wave to come back, in milliseconds. */
const LATENCY_MS = 60_000;

/** A hub whose size nobody stated. */
const SMALLEST: HubSku = { tier: "S1", units: 1 };

/** The quotas this roll needs, one after the other where its phases are. */
export function variantsOf({ playbook, containment, replacement }: RollRequest): readonly Variant[] {
  switch (playbook) {
    case "individual-breach":
      return [
        containment === "delete" || containment === "reprovision"
          ? `individual-breach/${containment}`
          : "individual-breach/sentinel",
      ];
    case "individual-expiry":
      return [replacement === "csr" ? "individual-expiry/csr" : "individual-expiry/stage", "individual-expiry/retire"];
    case "group-breach":
      return ["group-breach/sentinel"];
    case "group-expiry":
      return ["group-expiry"];
    default:
      return playbook satisfies never;
  }
}

/** How long the roll takes, and what decides about it. */
export function paceOf(facts: PaceFacts): PlanPace {
  const { request, found, waves, allowance, now } = facts;
  const fleet = fleetOf(request, found, allowance);
  const variants = variantsOf(request);
  const { headroom } = allowance;
  const stages = variants.map((variant) => sustained(takenBy(variant), fleet, headroom));
  const worst = stages.reduce((most, stage) => (stage.seconds > most.seconds ? stage : most));
  const limit = variants.reduce((sum, variant) => sum + binding(USAGE[variant], fleet).seconds, 0);
  const pauses = waves.reduce((sum, { settleMs }) => sum + settleMs + LATENCY_MS, 0);
  const workMs = stages.reduce((sum, { seconds }) => sum + seconds * 1_000, 0);
  const end = Number.isFinite(workMs) ? endOf(facts, workMs + pauses, now) : "never";
  return {
    binding: { resource: worst.resource, ...(worst.host === undefined ? {} : { host: worst.host }) },
    ...(Number.isFinite(limit) ? { limitSeconds: round(limit) } : {}),
    ...(Number.isFinite(workMs) ? { expectedSeconds: round((workMs + pauses) / 1_000) } : {}),
    ...(end === "never" ? {} : { expectedEnd: end }),
    headroom,
    dps: allowance.dps,
    hubs: fleet.hubs.map(({ host, sku, devices }) => ({ ...sku, host, devices })),
  };
}

/** Containment knows no windows; and nobody plans further ahead than the first certificate lasts, or a year. */
function endOf({ request, firstNotAfter, starts }: PaceFacts, workMs: number, now: Instant): Instant | "never" {
  const { times } = request;
  if (times === undefined || isBreach(request.playbook)) return addMs(now, workMs);
  return firstNotAfter === undefined
    ? plannedEnd(workMs, times, now, addMs(now, YEAR_MS), starts)
    : endsBeforeExpiry(workMs, times, now, firstNotAfter, starts);
}

const YEAR_MS = 366 * 86_400_000;

function fleetOf(request: RollRequest, { hubs }: Examined, allowance: Allowance): Fleet {
  return {
    dps: allowance.dps,
    hubs: hubs.map(({ host, devices }) => ({ host, devices, sku: allowance.hubs.get(host) ?? SMALLEST })),
    dispatch: request.dispatch ?? "method",
  };
}

function round(seconds: number): number {
  return Math.ceil(seconds * 10) / 10;
}
