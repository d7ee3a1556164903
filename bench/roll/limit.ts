import { throttlesOf } from "../../lab/iot-hub/quotas";
import type { HubTier } from "../../lab/iot-hub/quotas";

/** The four playbooks as they are measured; of a breach of a CA both ways to cut the fleet off. */
export type Variant =
  "individual-breach" | "individual-expiry" | "group-breach" | "group-breach-in-bulk" | "group-expiry";

/** What is metered by a rate: the first two by DPS, the others by each hub. Methods in calls of at most 4 KB. */
export type Resource = "operations" | "registrations" | "registry" | "methods" | "connections" | "d2c" | "twinReads";

/** How often one device uses a resource in a phase; what is not named is not used. */
type Usage = Partial<Record<Resource, number>>;

/**
 * The least that a roll needs, phase by phase: those of one playbook come one after another.
 *
 * A breach closes the entry and reads it again; writes each identity twice, unless an import job does, which is not metered;
 * reads it when the hold is over and for the proof; and has the device report when it comes back and when it is asked. An
 * expiry stages, is reported once and reads once; then clears the old slot, reads and tells the device.
 */
const LEAST: Readonly<Record<Variant, readonly Usage[]>> = {
  "individual-breach": [
    { operations: 2, registrations: 1, registry: 2, methods: 1, connections: 1, d2c: 2, twinReads: 2 },
  ],
  "individual-expiry": [
    { operations: 1, registrations: 1, methods: 1, connections: 1, d2c: 1, twinReads: 1 },
    { operations: 1, methods: 1, twinReads: 1 },
  ],
  "group-breach": [{ registrations: 1, registry: 2, methods: 1, connections: 1, d2c: 2, twinReads: 2 }],
  "group-breach-in-bulk": [{ registrations: 1, methods: 1, connections: 1, d2c: 2, twinReads: 2 }],
  "group-expiry": [{ registrations: 1, methods: 1, connections: 1, d2c: 1, twinReads: 1 }],
};

/** One DPS and one hub. */
export interface Allowance {
  readonly tier: HubTier;
  readonly units: number;
  /** Of the DPS: operations a minute, and as many registrations. */
  readonly dpsPerMinute: number;
  /** The share of every quota that rolls may take, above 0 up to 1. */
  readonly share: number;
}

/** How fast the quotas let a fleet be rolled, at their rates; the minute's worth that they give at once is left out. */
export interface Limit {
  readonly seconds: number;
  readonly devicesPerSecond: number;
  /** What sets the pace of the longest phase. */
  readonly binding: Resource;
}

/** Units per second that rolls may take of a resource. */
export function rateOf(resource: Resource, { tier, units, dpsPerMinute, share }: Allowance): number {
  if (resource === "operations" || resource === "registrations") return (dpsPerMinute / 60) * share;
  const throttle = throttlesOf(tier, units)[hubThrottles[resource].throttle];
  return (throttle.capacity / hubThrottles[resource].costPerUnit / (throttle.periodMs / 1_000)) * share;
}

/** The lab's names, and what one use costs there. */
export const hubThrottles = {
  registry: { throttle: "registry", costPerUnit: 1 },
  methods: { throttle: "methodKilobytes", costPerUnit: 4 },
  connections: { throttle: "connections", costPerUnit: 1 },
  d2c: { throttle: "deviceToCloud", costPerUnit: 1 },
  twinReads: { throttle: "twinReads", costPerUnit: 1 },
} as const satisfies Partial<Record<Resource, object>>;

/** The sum of the phases, each as long as its scarcest resource makes it. `devices`: at least 1. */
export function limitOf(variant: Variant, devices: number, allowance: Allowance): Limit {
  const phases = LEAST[variant].map((usage) => scarcest(usage, devices, allowance));
  const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const longest = phases.reduce((worst, phase) => (phase.seconds > worst.seconds ? phase : worst));
  return { seconds, devicesPerSecond: devices / seconds, binding: longest.binding };
}

function scarcest(usage: Usage, devices: number, allowance: Allowance): { seconds: number; binding: Resource } {
  const names = Object.keys(usage) as Resource[];
  return names
    .map((binding) => ({ binding, seconds: (devices * (usage[binding] ?? 0)) / rateOf(binding, allowance) }))
    .reduce((worst, each) => (each.seconds > worst.seconds ? each : worst));
}

/** How often one device uses a resource at least, over all phases. */
export function leastUses(variant: Variant, resource: Resource): number {
  return LEAST[variant].reduce((sum, usage) => sum + (usage[resource] ?? 0), 0);
}

/**
 * Devices per second that flowed through a resource, by the moments (milliseconds, in order) at which it was used for
 * `devices`: from when the first `burst` uses were over to the last one, without what is left of the hold by then. At most
 * half of the uses are taken for a burst. Undefined where too little was used to tell.
 * @param holdMs from the first use on, how long nothing can be gone on with.
 */
export function flowOf(
  uses: readonly number[],
  devices: number,
  { burst, holdMs }: { readonly burst: number; readonly holdMs: number },
): number | undefined {
  const from = Math.min(Math.floor(burst), Math.floor(uses.length / 2));
  const [first, begun, ended] = [uses[0], uses[from], uses.at(-1)];
  if (first === undefined || begun === undefined || ended === undefined) return undefined;
  const tookMs = ended - begun - Math.max(0, holdMs - (begun - first));
  const usesPerDevice = uses.length / devices;
  return tookMs > 0 ? ((uses.length - 1 - from) * 1_000) / tookMs / usesPerDevice : undefined;
}

/** The least whole number by which all quotas have to be multiplied so that this many devices per second can be rolled. */
export function scaleFor(variant: Variant, tier: HubTier, devicesPerSecond: number, share: number): number {
  for (let scale = 1; scale < largestScale; scale += 1)
    if (limitOf(variant, 1, scaled(tier, scale, share)).devicesPerSecond >= devicesPerSecond) return scale;
  return largestScale;
}

/** IoT Hub has no more units. */
export const largestScale = 200;

/** One unit of a tier and one DPS, times `scale`; what units do not add to (twin reads of S1, say) stays as it is. */
export function scaled(tier: HubTier, scale: number, share: number): Allowance {
  return { tier, units: scale, dpsPerMinute: 1_000 * scale, share };
}
