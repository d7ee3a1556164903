import { z } from "zod";
import { RegistrationId } from "../ids";

const Share = z.number().min(0).max(1);

/** What opens a wave: `auto` once the wave before it has succeeded; `approval` when a named person has said so as well. */
export const Gate = z.enum(["auto", "approval"]);
export type Gate = z.infer<typeof Gate>;

/** When a wave has succeeded, and when it brakes the roll. Whatever is left out has the default stated here. */
export const WaveRules = z.object({
  /** Default `auto`. */
  gate: Gate.optional(),
  /** The roll goes on once this share of the wave's reachable devices has succeeded. Default 0.98. */
  successThreshold: Share.optional(),
  /** The roll brakes once more than this share of the finished devices has failed. Default 0.05. */
  errorThreshold: Share.optional(),
  /** Fewer finished devices than this prove nothing. Default 10; never more than the wave has. */
  minCount: z.int().min(1).max(1_000_000).optional(),
  /** A wave is watched at least this long, in milliseconds, before the next begins. Default 0, at most a week. */
  settleMs: z.int().min(0).max(604_800_000).optional(),
});
export type WaveRules = z.infer<typeof WaveRules>;

/** The tag that a target brings along, such as `ring-0`; compared as it is written. */
const Tag = z.string().min(1).max(64);

const WaveName = z.string().min(1).max(64);
const Ids = z.array(RegistrationId).min(1).max(100_000);

/**
 * In which order a fleet is rolled. Grows by optional fields only: it is frozen into rolls that run for weeks.
 *
 * Where a device fits several groups the first one has it; devices that fit none are the last wave, `rest`.
 */
export const WavePolicy = z.discriminatedUnion("kind", [
  /** Everybody at once. */
  z.object({ kind: z.literal("all"), rules: WaveRules.optional() }),
  /** A few devices first, then the others in shares. */
  z.object({
    kind: z.literal("canary"),
    canary: z.union([
      z.object({ count: z.int().min(1).max(10_000) }),
      z.object({ registrationIds: Ids }),
      z.object({ tag: Tag }),
    ]),
    /** Whole percents of the devices after the canary, at most 100 together; what they leave is one more wave. */
    percents: z
      .array(z.int().min(1).max(100))
      .max(50)
      .refine((percents) => percents.reduce((sum, percent) => sum + percent, 0) <= 100, {
        error: "the percents are more than 100 together",
      }),
    canaryRules: WaveRules.optional(),
    rules: WaveRules.optional(),
  }),
  /** A wave per tag. */
  z.object({
    kind: z.literal("tags"),
    groups: z
      .array(z.object({ name: WaveName, tag: Tag, rules: WaveRules.optional() }))
      .min(1)
      .max(100),
    rules: WaveRules.optional(),
  }),
  /** A wave per list of devices. */
  z.object({
    kind: z.literal("lists"),
    groups: z
      .array(z.object({ name: WaveName, registrationIds: Ids, rules: WaveRules.optional() }))
      .min(1)
      .max(100),
    rules: WaveRules.optional(),
  }),
  /** Waves of `base`, `base * factor`, `base * factor²`, … devices (rounded down), never more than `maximum`. */
  z.object({
    kind: z.literal("exponential"),
    base: z.int().min(1).max(1_000_000),
    factor: z.number().min(1.1).max(10),
    maximum: z.int().min(1).max(1_000_000),
    rules: WaveRules.optional(),
  }),
]);
export type WavePolicy = z.infer<typeof WavePolicy>;

/** One wave of a plan, every rule filled in. */
export const Wave = z.object({
  /** From 0, in the order of the roll. */
  number: z.int().nonnegative(),
  name: z.string(),
  /** Devices in it, at least one. */
  size: z.int().positive(),
  gate: Gate,
  successThreshold: Share,
  errorThreshold: Share,
  /** At most `size`. */
  minCount: z.int().positive(),
  settleMs: z.int().nonnegative(),
});
export type Wave = z.infer<typeof Wave>;
