import { z } from "zod";
import { Slot } from "../domain/ids";

/** The largest alert body that is read, in bytes. */
export const MAX_ALERT_BYTES = 256 * 1024;

/** How far an alert's signed time may lie from now. */
export const MAX_ALERT_AGE_SECONDS = 300;

/** DPS registration ids: letters of either case, digits, `-._:`; the last one a letter, a digit or `-`. */
export const RegistrationIdText = z.string().regex(/^[A-Za-z0-9._:-]{0,127}[A-Za-z0-9-]$/);

/** One or more certificates as text. */
export const Pem = z.string().min(1).max(32_000);

/** One of the two slots of an entry, or both. */
export const Slots = z.array(Slot).min(1).max(2);

/** One device of an alert or an order. */
export const OrderedDevice = z.strictObject({
  registrationId: RegistrationIdText,
  compromised: z
    .strictObject({
      /** Slots whose certificates are compromised; without it both are. */
      slots: Slots.optional(),
      /** The compromised leaf, where known: lets the plan see whether a replacement holds the same key. */
      certificatePem: Pem.optional(),
    })
    .optional(),
  replacement: z
    .strictObject({
      /** The new leaf and its intermediates, leaf first. Never a private key. */
      chainPem: Pem,
    })
    .optional(),
  /** Whether it goes back to DPS by itself when the hub refuses it; absent: nobody knows. */
  selfHeals: z.boolean().optional(),
  /** Whether it holds a second key and leaf to come back with; absent: nobody knows. */
  standbyLeaf: z.boolean().optional(),
  /** For wave policies that go by tag. */
  tag: z.string().max(64).optional(),
});
export type OrderedDevice = z.infer<typeof OrderedDevice>;

/** The body of `POST /api/alerts/webhook`, version 1. */
export const BreachAlert = z.strictObject({
  version: z.literal("1"),
  /** The alert's id at its source: the same (source, id) never starts twice. */
  id: z.string().min(1).max(200),
  source: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/)
    .optional(),
  type: z.literal("breach"),
  severity: z.enum(["low", "medium", "high", "critical"]),
  reason: z.string().max(1_000),
  detectedAt: z.iso.datetime({ offset: true }).optional(),
  scope: z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("devices"),
      devices: z.array(OrderedDevice).min(1).max(1_000),
    }),
    /** A CA of an enrollment group, or leaves of it. */
    z.strictObject({
      kind: z.literal("group"),
      groupId: RegistrationIdText,
      authority: z.enum(["leaf", "intermediate", "root"]),
      /** Slots of the group whose CA is compromised; without slots and certificates both are. */
      slots: Slots.optional(),
      /** The compromised CA certificates, where known. */
      certificatePems: z.array(Pem).min(1).max(10).optional(),
      /** Leaf only: these devices of the group instead of all. */
      devices: z.array(OrderedDevice).min(1).max(1_000).optional(),
    }),
    /** A certificate, wherever it is in use; hex, SHA-256 or SHA-1. */
    z.strictObject({
      kind: z.literal("certificate"),
      thumbprint: z.string().regex(/^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/),
    }),
  ]),
});
export type BreachAlert = z.infer<typeof BreachAlert>;
