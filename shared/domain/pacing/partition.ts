import type { RegistrationId } from "../ids";
import type { Wave, WavePolicy, WaveRules } from "./wave-policy";

/** What a policy looks at. */
export interface WaveDevice {
  readonly registrationId: RegistrationId;
  readonly tag?: string | undefined;
}

export type Partition<D> =
  | {
      readonly outcome: "partitioned";
      readonly waves: readonly { readonly wave: Wave; readonly devices: readonly D[] }[];
    }
  | { readonly outcome: "refused"; readonly reason: PartitionRefusal; readonly detail: string };

/** `canary-empty`: without its canary the roll would begin with a large wave. `too-many-waves`: more than {@link MAX_WAVES}. */
export type PartitionRefusal = "canary-empty" | "too-many-waves";

/** A plan lists its waves one by one, and each takes minutes at least. */
export const MAX_WAVES = 500;

interface Draft<D> {
  readonly name: string;
  readonly devices: readonly D[];
  readonly rules: WaveRules;
}

/**
 * Cuts a fleet into waves: every device is in exactly one, the given order is kept within each, waves without devices are
 * left out. Listed devices that the fleet does not have are ignored.
 */
export function partition<D extends WaveDevice>(policy: WavePolicy, devices: readonly D[]): Partition<D> {
  const drafts = cut(policy, devices);
  if (policy.kind === "canary" && devices.length > 0 && drafts[0]?.devices.length === 0) {
    return refuse("canary-empty", "no device of this roll is in the canary: name one, or choose another policy");
  }
  const waves = drafts
    .filter((draft) => draft.devices.length > 0)
    .map((draft, number) => ({ wave: complete(draft, number), devices: draft.devices }));
  if (waves.length > MAX_WAVES) {
    return refuse("too-many-waves", `the policy makes ${waves.length} waves of at most ${MAX_WAVES}: make them larger`);
  }
  return { outcome: "partitioned", waves };
}

function refuse(reason: PartitionRefusal, detail: string): Partition<never> {
  return { outcome: "refused", reason, detail };
}

function cut<D extends WaveDevice>(policy: WavePolicy, devices: readonly D[]): readonly Draft<D>[] {
  const rules = policy.rules ?? {};
  switch (policy.kind) {
    case "all":
      return [{ name: "all", devices, rules }];
    case "canary": {
      const [canary, others] = split(devices, canaryOf(policy.canary));
      return [
        { name: "canary", devices: canary, rules: { ...rules, ...policy.canaryRules } },
        ...bySizes(others, percentSizes(policy.percents, others.length), rules),
      ];
    }
    case "tags":
      return groups(
        policy.groups.map((group) => ({ ...group, has: hasTag(group.tag) })),
        devices,
        rules,
      );
    case "lists":
      return groups(
        policy.groups.map((group) => ({ ...group, has: isListed(group.registrationIds) })),
        devices,
        rules,
      );
    case "exponential":
      return bySizes(devices, exponentialSizes(policy, devices.length), rules);
    default:
      return policy satisfies never;
  }
}

type Belongs = (device: WaveDevice, at: number) => boolean;

function canaryOf(canary: Extract<WavePolicy, { kind: "canary" }>["canary"]): Belongs {
  if ("count" in canary) return (_device, at) => at < canary.count;
  return "tag" in canary ? hasTag(canary.tag) : isListed(canary.registrationIds);
}

function hasTag(tag: string): Belongs {
  return (device) => device.tag === tag;
}

function isListed(ids: readonly RegistrationId[]): Belongs {
  const listed = new Set(ids);
  return ({ registrationId }) => listed.has(registrationId);
}

function split<D extends WaveDevice>(devices: readonly D[], belongs: Belongs): [inside: D[], outside: D[]] {
  const [inside, outside]: [D[], D[]] = [[], []];
  for (const [at, device] of devices.entries()) (belongs(device, at) ? inside : outside).push(device);
  return [inside, outside];
}

function groups<D extends WaveDevice>(
  wanted: readonly { readonly name: string; readonly has: Belongs; readonly rules?: WaveRules | undefined }[],
  devices: readonly D[],
  rules: WaveRules,
): Draft<D>[] {
  let rest = devices;
  const drafts = wanted.map((group): Draft<D> => {
    const [inside, outside] = split(rest, group.has);
    rest = outside;
    return { name: group.name, devices: inside, rules: { ...rules, ...group.rules } };
  });
  return [...drafts, { name: "rest", devices: rest, rules }];
}

/** Waves of these sizes in the order of the devices; those beyond the last size are one more wave. */
function bySizes<D>(devices: readonly D[], sizes: readonly number[], rules: WaveRules): Draft<D>[] {
  const drafts: Draft<D>[] = [];
  let from = 0;
  for (const size of [...sizes, devices.length]) {
    const name = `wave-${drafts.length + 1}`;
    drafts.push({ name, devices: devices.slice(from, from + size), rules });
    from = Math.min(from + size, devices.length);
  }
  return drafts;
}

/** The boundaries are rounded up, not the sizes: so nobody is lost, and a small share of a small fleet is still somebody. */
function percentSizes(percents: readonly number[], devices: number): number[] {
  let [sum, before] = [0, 0];
  return percents.map((percent) => {
    sum += percent;
    const upTo = Math.ceil((devices * sum) / 100);
    const size = upTo - before;
    before = upTo;
    return size;
  });
}

function exponentialSizes(
  { base, factor, maximum }: Extract<WavePolicy, { kind: "exponential" }>,
  devices: number,
): number[] {
  const sizes: number[] = [];
  for (let [left, next] = [devices, base]; left > 0; next *= factor) {
    const size = Math.min(Math.floor(next), maximum, left);
    sizes.push(size);
    left -= size;
  }
  return sizes;
}

function complete<D>({ name, devices, rules }: Draft<D>, number: number): Wave {
  const size = devices.length;
  return {
    number,
    name,
    size,
    gate: rules.gate ?? "auto",
    successThreshold: rules.successThreshold ?? 0.98,
    errorThreshold: rules.errorThreshold ?? 0.05,
    minCount: Math.min(rules.minCount ?? 10, size),
    settleMs: rules.settleMs ?? 0,
  };
}
