import { crew, groupByReferences, groupBySigningCertificate } from "../cast";
import type { ClaimName } from "../claims/judge";
import { expiryClaims } from "../claims/sets";
import type { CertificateAuthority } from "../../pki/certificates";
import type { Player, Story, World } from "../story";
import { planIsApproved } from "./cues";
import { order } from "./orders";

const caExpiryClaims = [...expiryClaims, "groups-never-dangle", "plan-told-it"] as const satisfies readonly ClaimName[];

/** 20 pumps that see to their leaves themselves: each has one of the next authority in store. */
function selfManaged(story: string, issuer: CertificateAuthority, nextIssuer: CertificateAuthority): Player[] {
  return crew({
    name: `${story}-pump`,
    size: 20,
    issuer,
    nextIssuer,
    onOfficialSdk: 1,
    behaviour: { managesOwnLeaf: true },
  });
}

/** 4 valves in a group of their own, below another authority. */
function neighbours(story: string, world: World, issuer: CertificateAuthority): Player[] {
  groupBySigningCertificate(world, `${story}-neighbours`, issuer);
  return crew({ name: `${story}-valve`, size: 4, issuer });
}

const deviceManaged = { replacement: { kind: "device-managed" } } as const;

const root: Story = {
  name: "group-expiry-root",
  summary: "a root CA runs out: the new one is proven, put beside it, 20 devices move, then the old one goes",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-expiry-root-old");
    groupByReferences(world, "group-expiry-root-fleet", { primary: "group-expiry-root-old" });
    return {
      rolled: selfManaged("group-expiry-root", world.intermediate, world.intermediateOfNextRoot),
      bystanders: neighbours("group-expiry-root", world, world.services.issuer),
      oldAuthorities: [world.root],
    };
  },
  ask: (_cast, { nextRoot }) =>
    order(
      "group-expiry",
      {
        kind: "group",
        groupId: "group-expiry-root-fleet",
        authority: "root",
        successor: { name: "group-expiry-root-new", chainPem: nextRoot.certificatePem },
      },
      deviceManaged,
    ),
  cues: [planIsApproved],
  thief: "after the end",
  claims: caExpiryClaims,
};

const intermediate: Story = {
  name: "group-expiry-intermediate",
  summary: "an intermediate CA runs out: the next one is put beside it, 20 devices move, then the old one goes",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-expiry-intermediate-root");
    groupBySigningCertificate(world, "group-expiry-intermediate-fleet", world.intermediate);
    return {
      rolled: selfManaged("group-expiry-intermediate", world.intermediate, world.nextIntermediate),
      bystanders: neighbours("group-expiry-intermediate", world, world.sibling),
      oldAuthorities: [world.intermediate],
    };
  },
  ask: (_cast, { nextIntermediate }) =>
    order(
      "group-expiry",
      {
        kind: "group",
        groupId: "group-expiry-intermediate-fleet",
        authority: "intermediate",
        successor: { chainPem: nextIntermediate.chainPem },
      },
      deviceManaged,
    ),
  cues: [planIsApproved],
  thief: "after the end",
  claims: caExpiryClaims,
};

const leaf: Story = {
  name: "group-expiry-leaf",
  summary: "the leaves of a group of 20 run out, its CA does not: the devices move, and nothing changes in DPS",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-expiry-leaf-root");
    groupBySigningCertificate(world, "group-expiry-leaf-fleet", world.intermediate);
    return {
      rolled: selfManaged("group-expiry-leaf", world.intermediate, world.intermediate),
      bystanders: neighbours("group-expiry-leaf", world, world.sibling),
    };
  },
  ask: () =>
    order("group-expiry", { kind: "group", groupId: "group-expiry-leaf-fleet", authority: "leaf" }, deviceManaged),
  // Nobody tries the old keys: DPS goes on taking old leaves of a healthy CA until they expire.
  claims: [...expiryClaims.filter((name) => !name.endsWith("-retired-key")), "dps-wrote-nothing"],
};

export const groupExpiries: readonly Story[] = [root, intermediate, leaf];
