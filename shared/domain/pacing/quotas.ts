import { z } from "zod";
import type { HubHostName } from "../ids";

/**
 * Azure's limits as data. Sources, by the name of the service's own page: "IoT Hub quotas and throttling" and "Azure
 * subscription and service limits: IoT Hub Device Provisioning Service limits".
 */

/** An IoT Hub's size. Free and basic hubs cannot do everything: a limit of 0 says so. */
export const HubSku = z.object({
  tier: z.enum(["F1", "B1", "B2", "B3", "S1", "S2", "S3"]),
  units: z.int().min(1).max(200),
});
export type HubSku = z.infer<typeof HubSku>;
type HubTier = HubSku["tier"];

/** A DPS instance's limits; Microsoft changes them on request. */
export const DpsQuota = z.object({
  /** Calls of the service API per minute. 1,000 unless raised; 200 before 2022. */
  operationsPerMinute: z.int().positive(),
  /** Devices that register, per minute. 1,000 unless raised. */
  registrationsPerMinute: z.int().positive(),
});
export type DpsQuota = z.infer<typeof DpsQuota>;

export const DEFAULT_DPS_QUOTA: DpsQuota = { operationsPerMinute: 1_000, registrationsPerMinute: 1_000 };

/** What a hub meters apart, each in things per second. */
export const HubResource = z.enum([
  /** Identity reads and writes; a bulk call counts once per device. */
  "registry",
  /** Direct methods of at most 4 KB. */
  "methods",
  /** Devices that a job works on. */
  "jobDevices",
  "connections",
  "d2cSends",
  "twinReads",
  "twinUpdates",
  "queries",
]);
export type HubResource = z.infer<typeof HubResource>;

export const DpsResource = z.enum(["operations", "registrations"]);
export type DpsResource = z.infer<typeof DpsResource>;

/** What is reserved before it is used: `dps/operations`, `contoso.azure-devices.net/registry`. */
export type ResourceName = `dps/${DpsResource}` | `${HubHostName}/${HubResource}`;

/** Generations of the table: F1, B1 and S1 are one column there, B2 and S2, B3 and S3. */
const COLUMN: Readonly<Record<HubTier, 1 | 2 | 3>> = { F1: 1, B1: 1, S1: 1, B2: 2, S2: 2, B3: 3, S3: 3 };

const perMinute = (n: number): number => n / 60;
/** IoT Hub meters methods in KB per second, and each counts as 4 KB. 24 MB are read as 24,000 KB. */
const methodsOf = (kilobytes: number): number => kilobytes / 4;

type Limits = Readonly<Record<HubResource, (units: number) => number>>;

/** "IoT Hub quotas and throttling", section "Operation throttles". */
const LIMITS: Readonly<Record<1 | 2 | 3, Limits>> = {
  1: {
    registry: (units) => perMinute(100 * units),
    methods: (units) => methodsOf(160 * units),
    jobDevices: () => 10,
    connections: (units) => Math.max(100, 12 * units),
    d2cSends: (units) => Math.max(100, 12 * units),
    twinReads: () => 100,
    twinUpdates: () => 50,
    queries: (units) => perMinute(20 * units),
  },
  2: {
    registry: (units) => perMinute(100 * units),
    methods: (units) => methodsOf(480 * units),
    jobDevices: (units) => Math.max(10, units),
    connections: (units) => 120 * units,
    d2cSends: (units) => 120 * units,
    twinReads: (units) => Math.max(100, 10 * units),
    twinUpdates: (units) => Math.max(50, 5 * units),
    queries: (units) => perMinute(20 * units),
  },
  3: {
    registry: (units) => perMinute(5_000 * units),
    methods: (units) => methodsOf(24_000 * units),
    jobDevices: (units) => 50 * units,
    connections: (units) => 6_000 * units,
    d2cSends: (units) => 6_000 * units,
    twinReads: (units) => 500 * units,
    twinUpdates: (units) => 250 * units,
    queries: (units) => perMinute(1_000 * units),
  },
};

/** The page's column "Basic": no way from the cloud to the device. */
const NOT_IN_BASIC: ReadonlySet<HubResource> = new Set(["methods", "jobDevices", "twinReads", "twinUpdates"]);

/** "IoT Hub quotas and throttling", section "Quotas": messages per day and unit. */
const MESSAGES_PER_DAY: Readonly<Record<HubTier, number>> = {
  F1: 8_000,
  B1: 400_000,
  S1: 400_000,
  B2: 6_000_000,
  S2: 6_000_000,
  B3: 300_000_000,
  S3: 300_000_000,
};

/** How much of a resource a hub of this size gives per second. */
export function hubLimit({ tier, units }: HubSku, resource: HubResource): number {
  return tier.startsWith("B") && NOT_IN_BASIC.has(resource) ? 0 : LIMITS[COLUMN[tier]][resource](units);
}

/** How many messages, of 4 KB (F1: 0.5 KB), a hub of this size takes and sends per day. */
export function messagesPerDay({ tier, units }: HubSku): number {
  return MESSAGES_PER_DAY[tier] * units;
}
