import type { EnrollmentGroupId, HubHostName, Sha256Thumbprint } from "../ids";
import type { CaGraph } from "./ca-graph";
import { descendants, reachOfCa, type CaReach, type Certainty } from "./ca-reach";
import { filled, isSelfIssued } from "./fleet-entries";
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
  groupsStruck(): { readonly groupId: EnrollmentGroupId; readonly how: "holds" | "below" | "through" }[] {
    const { holding = [], below = [], through } = this.reach ?? {};
    return [
      ...holding.map((groupId) => ({ groupId, how: "holds" as const })),
      ...below.map((groupId) => ({ groupId, how: "below" as const })),
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
    const individual = individualOf(device);
    if (individual?.trust.kind === "clientCertificates") {
      const leaves = filled(individual.trust).filter((leaf) => !isSelfIssued(leaf));
      const issued = leaves.map((leaf) => issuersOfLeaf(this.graph, leaf));
      if (issued.some((issuers) => issuers.some(({ sha256Thumbprint }) => this.under.has(sha256Thumbprint))))
        return "certain";
    }
    if (individual?.trust.kind === "caReferences") {
      const under = this.graph.trusted(individual).map((thumbprint) => this.under.has(thumbprint));
      if (under.includes(true)) return under.includes(false) ? "possible" : "certain";
    }
    if (device.groupId === undefined) return undefined;
    if (this.groups.has(device.groupId)) {
      // A second slot may hold a CA of another house; only the device knows which one it is under.
      const group = this.graph.group(device.groupId);
      const trusted = group === undefined ? [] : this.graph.trusted(group);
      return trusted.every((thumbprint) => this.under.has(thumbprint)) ? "certain" : "possible";
    }
    return device.groupId === this.reach?.through ? "possible" : undefined;
  }
}

/** Every certificate that opens a door for this device: enrolled, or at a hub. */
export function thumbprintsOfDevice(device: DeviceRecord): ReadonlySet<string> {
  return new Set([
    ...enrolledLeaves(device).map(({ sha256Thumbprint }): string => sha256Thumbprint),
    ...device.identities.flatMap(thumbprintsOf),
  ]);
}
