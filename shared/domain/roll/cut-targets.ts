import { z } from "zod";
import { factPartition } from "../device-facts";
import { DeviceId } from "../ids";
import { Wave as PolicyWave } from "../pacing/wave-policy";
import { BATCH_SIZE } from "./batch";
import { RollTarget } from "./request";

/** A wave of the fleet: neighbouring batches. */
export const Wave = z.object({
  name: z.string(),
  firstBatch: z.int().nonnegative(),
  batches: z.int().positive(),
  devices: z.int().positive(),
  /** When it has succeeded, and when it brakes the roll; absent: the defaults of `WaveRules`. */
  rules: PolicyWave.pick({
    gate: true,
    successThreshold: true,
    errorThreshold: true,
    minCount: true,
    settleMs: true,
  }).optional(),
});
export type Wave = z.infer<typeof Wave>;

/** The wave's rules, or the defaults. */
export function rulesOf({ rules, devices }: Wave): NonNullable<Wave["rules"]> {
  if (rules !== undefined) return rules;
  return {
    gate: "auto",
    successThreshold: 0.98,
    errorThreshold: 0.05,
    minCount: Math.min(10, devices),
    settleMs: 0,
  };
}

/**
 * Cuts waves into batches. Within a wave devices are ordered by facts partition, then by id: a batch's devices lie close
 * together where their heartbeats are read. A batch never spans two waves, and each device is in exactly one.
 */
export function cutBatches(
  waves: readonly {
    readonly name: string;
    readonly targets: readonly RollTarget[];
    readonly rules?: Wave["rules"];
  }[],
): {
  readonly waves: readonly Wave[];
  readonly batches: readonly (readonly RollTarget[])[];
} {
  const batches: RollTarget[][] = [];
  const cut: Wave[] = [];
  for (const { name, targets, rules } of waves) {
    const ordered = inOrder(targets);
    const firstBatch = batches.length;
    for (let at = 0; at < ordered.length; at += BATCH_SIZE) batches.push(ordered.slice(at, at + BATCH_SIZE));
    if (ordered.length > 0)
      cut.push({
        name,
        firstBatch,
        batches: batches.length - firstBatch,
        devices: ordered.length,
        ...(rules === undefined ? {} : { rules }),
      });
  }
  return { waves: cut, batches };
}

/** Each registration once; what was said last of one that was named twice stands. */
export function unique(targets: readonly RollTarget[]): RollTarget[] {
  return [...new Map(targets.map((target) => [target.registrationId, target])).values()];
}

function inOrder(targets: readonly RollTarget[]): RollTarget[] {
  return targets
    .map((target) => ({
      target,
      partition: factPartition(target.deviceId ?? DeviceId.parse(target.registrationId)),
    }))
    .sort((a, b) => a.partition - b.partition || (a.target.registrationId < b.target.registrationId ? -1 : 1))
    .map(({ target }) => target);
}

/** A page of the target list on its way to be cut, and where the next one begins; absent on the last. */
export const TargetPart = z.object({ targets: z.array(RollTarget), next: z.string().optional() });
export type TargetPart = z.infer<typeof TargetPart>;
