import { z } from "zod";
import { DeviceMetadata } from "../domain/registry/device-data";

/** Identities in one list and in one import (Microsoft docs: a registry's list answers at most 1,000). */
export const REGISTRY_LIST_LIMIT = 1_000;
/** The largest body that is read, in bytes: an import of 1,000 devices. */
export const MAX_REGISTRY_BYTES = 512 * 1024;

const DeviceIdText = z
  .string()
  .regex(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/, "1 to 128 letters, digits and -:.+%_#*?!(),=@;$'");
/** SHA-256, or SHA-1 where a device knows no better, as hex. */
const Thumbprint = z.string().regex(/^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})$/, "64 or 40 hex digits");
/** Microsoft docs, identity registry: at most 128 characters of text. */
const Reason = z
  .string()
  .min(1)
  .max(128)
  // eslint-disable-next-line no-control-regex -- that is what must not be in it
  .regex(/^[^\u0000-\u001f\u007f]*$/, "one line of text");
const Status = z.enum(["enabled", "disabled"]);

const Identity = {
  status: Status.default("enabled"),
  statusReason: Reason.optional(),
  primaryThumbprint: Thumbprint,
  /** Default: the primary one, as DPS writes it. */
  secondaryThumbprint: Thumbprint.optional(),
  iotEdge: z.boolean().default(false),
};

/** `POST /api/registry/devices`: an X.509 device that no DPS made. */
export const CreateDevice = z.strictObject({
  deviceId: DeviceIdText,
  ...Identity,
  metadata: DeviceMetadata.optional(),
});
export type CreateDevice = z.infer<typeof CreateDevice>;

/** `POST /api/registry/import`: devices that are there already are left as they are. */
export const ImportDevices = z.strictObject({
  devices: z
    .array(z.strictObject({ deviceId: DeviceIdText, ...Identity }))
    .min(1)
    .max(REGISTRY_LIST_LIMIT),
});

/** `PATCH /api/registry/devices/{deviceId}`: what is left out stays. */
export const ChangeDevice = z
  .strictObject({
    status: Status.optional(),
    /** Null clears it. */
    statusReason: Reason.nullable().optional(),
    primaryThumbprint: Thumbprint.optional(),
    /** Null empties the slot. */
    secondaryThumbprint: Thumbprint.nullable().optional(),
    /** Replaces all notes. They are the product's own: the identity and its ETag stay. */
    metadata: DeviceMetadata.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "nothing to change");
export type ChangeDevice = z.infer<typeof ChangeDevice>;

/** `POST /api/registry/devices/{deviceId}/disable` */
export const DisableDevice = z.strictObject({ reason: Reason });
/** `POST /api/registry/devices/{deviceId}/enable` */
export const EnableDevice = z.strictObject({ reason: Reason.optional() });

const DataView = z.object({
  firstSeenAt: z.iso.datetime(),
  /** Since when the id stands for this device; later than `firstSeenAt` if it was deleted and created again. */
  generationSince: z.iso.datetime(),
  generations: z.int(),
  metadata: z.record(z.string(), z.string()),
});

/** A device of a hub's registry. Its `ETag` header is what a change gives back as `If-Match`. */
export const DeviceView = z.object({
  hub: z.string(),
  deviceId: z.string(),
  generationId: z.string(),
  etag: z.string(),
  status: Status,
  statusReason: z.string().optional(),
  authentication: z.enum(["selfSigned", "certificateAuthority", "sas", "none"]),
  primaryThumbprint: z.string().optional(),
  secondaryThumbprint: z.string().optional(),
  iotEdge: z.boolean(),
  data: DataView,
});
export type DeviceView = z.infer<typeof DeviceView>;

/** `GET /api/registry/devices` */
export const DeviceListView = z.object({
  hub: z.string(),
  /** False: the hub may have more than it lists (1,000); an inventory has them all. */
  complete: z.boolean(),
  devices: z.array(DeviceView.omit({ data: true })),
});
export type DeviceListView = z.infer<typeof DeviceListView>;

/** What became of an import. */
export const ImportView = z.object({
  hub: z.string(),
  created: z.int(),
  /** There before, and left alone. */
  existing: z.array(z.string()),
  failed: z.array(z.object({ deviceId: z.string(), detail: z.string() })),
  /** The hub asked for fewer calls, or went away: send these again. */
  notTried: z.array(z.string()),
});
export type ImportView = z.infer<typeof ImportView>;
