import type { EnrollmentGroupId, HubHostName, Sha256Thumbprint } from "../ids";
import type { CaGraph } from "./ca-graph";
import { descendants, reachOfCa, type CaReach, type Certainty } from "./ca-reach";
import { filled, isSelfIssued, type LeafFacts } from "./fleet-entries";
import { enrolledLeaves, thumbprintsOf } from "./lint-device";
import type { DeviceRecord } from "./records";
import { individualOf, issuersOfLeaf } from "./trust";

/** What may be in the wrong hands. */
export type BlastTarget =
  | { readonly kind: "ca"; readonly sha256Thumbprint: Sha256Thumbprint }
  | { readonly kind: "leaf"; readonly thumbprint: string }
  /** Everything that the device itself holds. */
  | { readonly kind: "device"; readonly key: string; readonly thumbprints: ReadonlySet<string> };

/** What the target opens, counted over devices that are given to it one by one. */
export class BlastRadius {
  readonly reach: CaReach | undefined;
  readonly hubs = new Map<HubHostName, { devices: number; enabled: number }>();
  readonly devices = { certain: 0, possible: 0 };
  private readonly under: ReadonlySet<Sha256Thumbprint>;
  private readonly groups: ReadonlySet<EnrollmentGroupId>;

  constructor(
    private readonly graph: CaGraph,
    private readonly target: BlastTarget,
  ) {
    this.reach = target.kind === "ca" ? reachOfCa(graph, target.sha256Thumbprint) : undefined;
    this.under = target.kind === "ca" ? descendants(graph, target.sha256Thumbprint) : new Set();
    this.groups = new Set([...(this.reach?.holding ?? []), ...(this.reach?.below ?? [])]);
  }

  /** Groups whose devices are struck, and why. */
  groupsStruck(): { readonly groupId: EnrollmentGroupId; readonly how: "holds" | "below" | "possible" | "through" }[] {
    const { holding = [], below = [], possible = [], through } = this.reach ?? {};
    return [
      ...holding.map((groupId) => ({ groupId, how: "holds" as const })),
      ...below.map((groupId) => ({ groupId, how: "below" as const })),
      ...possible.map((groupId) => ({ groupId, how: "possible" as const })),
      ...(through === undefined ? [] : [{ groupId: through, how: "through" as const }]),
    ];
  }

  /** Whether the target opens this device, and with what certainty; counts it if so. */
  add(device: DeviceRecord): Certainty | undefined {
    const certainty = this.strikes(device);
    if (certainty === undefined) return undefined;
    this.devices[certainty] += 1;
    for (const { hub, status } of device.identities) {
      const counts = this.hubs.get(hub) ?? { devices: 0, enabled: 0 };
      counts.devices += 1;
      if (status === "enabled") counts.enabled += 1;
      this.hubs.set(hub, counts);
    }
    return certainty;
  }

  private strikes(device: DeviceRecord): Certainty | undefined {
    switch (this.target.kind) {
      case "leaf": {
        const { thumbprint } = this.target;
        return thumbprintsOfDevice(device).has(thumbprint) ? "certain" : undefined;
      }
      case "device": {
        const { key, thumbprints } = this.target;
        if (device.key === key) return "certain";
        return [...thumbprintsOfDevice(device)].some((held) => thumbprints.has(held)) ? "certain" : undefined;
      }
      case "ca":
        return this.strikesUnderCa(device);
      default:
        return this.target satisfies never;
    }
  }

  private strikesUnderCa(device: DeviceRecord): Certainty | undefined {
    return strongest([this.strikesEntry(device), this.strikesGroup(device)]);
  }

  private strikesEntry(device: DeviceRecord): Certainty | undefined {
    const individual = individualOf(device);
    if (individual === undefined) return undefined;
    const { trust } = individual;
    switch (trust.kind) {
      case "clientCertificates":
        return strongest(filled(trust).map((leaf) => this.strikesLeaf(leaf)));
      case "caReferences": {
        const under = this.graph.trusted(individual).map((thumbprint) => this.under.has(thumbprint));
        if (!under.includes(true)) return undefined;
        return under.includes(false) ? "possible" : "certain";
      }
      case "other":
        return undefined;
      default:
        return trust satisfies never;
    }
  }

  private strikesLeaf(leaf: LeafFacts): Certainty | undefined {
    if (isSelfIssued(leaf)) return undefined;
    const issuers = issuersOfLeaf(this.graph, leaf);
    if (issuers.some(({ sha256Thumbprint }) => this.under.has(sha256Thumbprint))) return "certain";
    // Who issued its issuer is known to the device only; it may be this one.
    return this.graph.gapsAbove(leaf).length > 0 ? "possible" : undefined;
  }

  private strikesGroup({ groupId }: DeviceRecord): Certainty | undefined {
    if (groupId === undefined) return undefined;
    if (this.groups.has(groupId)) {
      // A second slot may hold a CA of another house; only the device knows which one it is under.
      const group = this.graph.group(groupId);
      const trusted = group === undefined ? [] : this.graph.trusted(group);
      return trusted.every((thumbprint) => this.under.has(thumbprint)) ? "certain" : "possible";
    }
    const { through, possible = [] } = this.reach ?? {};
    return groupId === through || possible.includes(groupId) ? "possible" : undefined;
  }
}

function strongest(all: readonly (Certainty | undefined)[]): Certainty | undefined {
  return all.includes("certain") ? "certain" : all.find((one) => one !== undefined);
}

/** Every certificate that opens a door for this device: enrolled, or at a hub. */
export function thumbprintsOfDevice(device: DeviceRecord): ReadonlySet<string> {
  return new Set([
    ...enrolledLeaves(device).map(({ sha256Thumbprint }): string => sha256Thumbprint),
    ...device.identities.flatMap(thumbprintsOf),
  ]);
}
