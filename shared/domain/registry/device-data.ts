import { z } from "zod";
import { DeviceId, HubHostName } from "../ids";
import { Instant } from "../instant";

/** How many generations of a device id are told apart: hubs that still hold an old identity must not look like new devices. */
export const GENERATIONS_KNOWN = 8;

/** What an operator notes about a device: at most 20 words, each with at most 500 characters. */
export const DeviceMetadata = z
  .record(z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/), z.string().max(500))
  .refine((words) => Object.keys(words).length <= 20, "at most 20 entries");
export type DeviceMetadata = z.infer<typeof DeviceMetadata>;

/** The product's own record of a device; nothing of it lies in the identity registry. */
export const DeviceData = z.object({
  deviceId: DeviceId,
  /** Where it was seen last; undefined while only its messages were. */
  hub: HubHostName.optional(),
  firstSeenAt: Instant,
  /** Newest first. Empty until the hub has told it: a creation does not answer it. */
  generations: z.array(z.string()).max(GENERATIONS_KNOWN),
  /** Since when the id stands for this device: it was deleted and created again then, or seen first. */
  generationSince: Instant,
  metadata: DeviceMetadata,
});
export type DeviceData = z.infer<typeof DeviceData>;

/** A device as it was just met: in a registry, or by a message of its own. */
export interface SeenDevice {
  readonly deviceId: DeviceId;
  readonly hub: HubHostName | undefined;
  /** Undefined where the service did not tell it. */
  readonly generationId: string | undefined;
  readonly at: Instant;
}

/**
 * The record after a device was seen; undefined: nothing to write. A generation that is new makes it another device under an
 * old name: what was noted about the old one is dropped.
 */
export function afterSeeing(known: DeviceData | undefined, seen: SeenDevice): DeviceData | undefined {
  const { deviceId, at, generationId } = seen;
  const hub = seen.hub ?? known?.hub;
  const place = hub === undefined ? {} : { hub };
  if (known === undefined) {
    const generations = generationId === undefined ? [] : [generationId];
    return { deviceId, ...place, firstSeenAt: at, generations, generationSince: at, metadata: {} };
  }
  const isNew = generationId !== undefined && !known.generations.includes(generationId);
  if (!isNew) return hub === known.hub ? undefined : { ...known, ...place };
  const generations = [generationId, ...known.generations].slice(0, GENERATIONS_KNOWN);
  // The first that is told belongs to the creation that was noted before.
  if (known.generations.length === 0) return { ...known, ...place, generations };
  return { ...known, ...place, generations, generationSince: at, metadata: {} };
}
