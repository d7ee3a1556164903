/** What one device takes of each resource until it is rolled. */
export interface Usage {
  /** Calls of the DPS service API. */
  readonly operations: number;
  readonly registrations: number;
  readonly registry: number;
  readonly twinReads: number;
  /** Commands to the device, by direct method or by job. */
  readonly dispatches: number;
  readonly connections: number;
  readonly d2cSends: number;
  /** Against the daily quota: commands and their answers, reports, messages of the device. */
  readonly messages: number;
  /** Signatures of an issuer; none where certificates are handed in. */
  readonly signatures: number;
}

/** A playbook's work as the quotas see it; several per playbook where containment or phases differ. */
export type Variant =
  | "individual-breach/sentinel"
  | "individual-breach/import-job"
  | "individual-breach/delete"
  | "individual-breach/reprovision"
  | "individual-expiry/stage"
  | "individual-expiry/csr"
  | "individual-expiry/retire"
  | "group-breach/sentinel"
  | "group-breach/import-job"
  | "group-expiry";

const ONCE = { registrations: 1, dispatches: 1, connections: 1, signatures: 1 };

/**
 * The least per device. Breach: the hub is read after the hold settles and again for the proof, and the device reports over the
 * session that it opens by itself and once more when asked. An import job takes no registry operations.
 */
export const USAGE: Readonly<Record<Variant, Usage>> = {
  "individual-breach/sentinel": { ...ONCE, operations: 2, registry: 2, twinReads: 2, d2cSends: 2, messages: 4 },
  "individual-breach/import-job": { ...ONCE, operations: 2, registry: 0, twinReads: 2, d2cSends: 2, messages: 4 },
  "individual-breach/delete": { ...ONCE, operations: 2, registry: 1, twinReads: 1, d2cSends: 2, messages: 4 },
  "individual-breach/reprovision": { ...ONCE, operations: 2, registry: 0, twinReads: 1, d2cSends: 1, messages: 3 },
  "individual-expiry/stage": { ...ONCE, operations: 1, registry: 0, twinReads: 1, d2cSends: 1, messages: 3 },
  // One method asks for the signing request, one to switch over.
  "individual-expiry/csr": {
    ...ONCE,
    operations: 1,
    registry: 0,
    twinReads: 1,
    d2cSends: 1,
    messages: 5,
    dispatches: 2,
  },
  // The old slot is cleared and the device may forget its old key; it stays connected.
  "individual-expiry/retire": {
    ...{ operations: 1, registry: 0, twinReads: 1, dispatches: 1, messages: 2 },
    ...{ registrations: 0, connections: 0, d2cSends: 0, signatures: 0 },
  },
  "group-breach/sentinel": { ...ONCE, operations: 0, registry: 2, twinReads: 2, d2cSends: 2, messages: 4 },
  "group-breach/import-job": { ...ONCE, operations: 0, registry: 0, twinReads: 2, d2cSends: 2, messages: 4 },
  "group-expiry": { ...ONCE, operations: 0, registry: 0, twinReads: 1, d2cSends: 1, messages: 3 },
};

/**
 * Where this app takes more than the least: reads that guard its writes, and those that its claims stand on. Entries are read,
 * written by their ETag and read again; a proof looks at the registration; a hold, its release and its confirmation each
 * begin with a fresh identity.
 */
const CHECKED: Readonly<Record<Variant, Partial<Usage>>> = {
  "individual-breach/sentinel": { operations: 5, twinReads: 5 },
  "individual-breach/import-job": { operations: 5, twinReads: 3 },
  "individual-breach/delete": { operations: 5, twinReads: 3 },
  "individual-breach/reprovision": { operations: 5, twinReads: 3 },
  "individual-expiry/stage": { operations: 3 },
  "individual-expiry/csr": { operations: 3 },
  "individual-expiry/retire": { operations: 3 },
  "group-breach/sentinel": { operations: 1, twinReads: 5 },
  "group-breach/import-job": { operations: 1, twinReads: 3 },
  // The device is read before it is told, and once more before it drops its old key.
  "group-expiry": { operations: 1, twinReads: 3, dispatches: 2, messages: 5 },
};

/** What a device takes of each resource as this app rolls it: at least what {@link USAGE} says. */
export function takenBy(variant: Variant): Usage {
  return { ...USAGE[variant], ...CHECKED[variant] };
}
