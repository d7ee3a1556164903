import { crew, groupByReferences, groupBySigningCertificates } from "../../../lab/scenarios/cast";
import { expiryClaims } from "../../../lab/scenarios/claims/sets";
import { planIsApproved } from "../../../lab/scenarios/stories/cues";
import { order } from "../../../lab/scenarios/stories/orders";
import type { Hierarchy } from "../../../lab/scenarios/hierarchy";
import { allComeTrue, groupOf, type Combination, type Held, type HeldSlots } from "../../support/combinations";

// CAs of groups before they expire: whose CA × how the group holds it × which slot is free. What the catalogue plays with
// twenty devices is not repeated.

const AUTHORITIES = ["root", "intermediate"] as const;
const FAMILIES = ["caReferences", "signingCertificates"] as const;
const SLOTS = ["primary", "secondary"] as const;
type Case = readonly [(typeof AUTHORITIES)[number], (typeof FAMILIES)[number], (typeof SLOTS)[number]];

/**
 * References end with the new CA as primary, because some clients cannot read a group whose primary is empty. A certificate
 * of the group's own stays in the slot that was free: DPS does not give it back.
 */
function endOf([, family, slot]: Case): HeldSlots {
  const stays = family === "signingCertificates" && slot === "primary" ? "secondary" : "primary";
  return stays === "primary" ? { primary: "new", secondary: "-" } : { primary: "-", secondary: "new" };
}

function groupExpiry(which: Case): Combination {
  const [authority, family, slot] = which;
  const name = `expiry-${authority}-${family}-${slot}`.toLowerCase();
  const [oldName, newName] = [`${name}-old`, `${name}-new`];
  const old = (world: Hierarchy) => (authority === "root" ? world.root : world.intermediate);
  const successor = (world: Hierarchy) => (authority === "root" ? world.nextRoot : world.nextIntermediate);
  return {
    story: {
      name,
      summary: `${authority}, ${family}, the old CA in the ${slot} slot`,
      provable: (hierarchy) => [successor(hierarchy)],
      cast: (world) => {
        const { store } = world.services.dps;
        if (family === "caReferences") {
          store.addVerifiedCa(old(world).certificatePem, oldName);
          groupByReferences(world, name, { [slot]: oldName });
        } else {
          store.addVerifiedCa(world.root.certificatePem, authority === "root" ? oldName : `${name}-root`);
          groupBySigningCertificates(world, name, { [slot]: old(world) });
        }
        const rolled = crew({
          name: `${name}-pump`,
          size: 3,
          issuer: world.intermediate,
          nextIssuer: authority === "root" ? world.intermediateOfNextRoot : world.nextIntermediate,
          behaviour: { managesOwnLeaf: true },
        });
        return { rolled, bystanders: [], oldAuthorities: [old(world)] };
      },
      ask: (_cast, world) => {
        const named = family === "caReferences" || authority === "root" ? { name: newName } : {};
        const { chainPem, certificatePem } = successor(world);
        const chain = authority === "root" ? certificatePem : chainPem;
        const scope = { kind: "group", groupId: name, authority, successor: { ...named, chainPem: chain } };
        return order("group-expiry", scope, { replacement: { kind: "device-managed" } });
      },
      cues: [planIsApproved],
      thief: "after the end",
      claims: [...expiryClaims, "groups-never-dangle", "plan-told-it"],
    },
    look: (world) => {
      const words = new Map<string, Held>([
        [oldName, "old"],
        [newName, "new"],
        [old(world).sha256Thumbprint, "old"],
        [successor(world).sha256Thumbprint, "new"],
      ]);
      return groupOf(world, name, words);
    },
    expected: endOf(which),
  };
}

const played = ["expiry-root-careferences-primary", "expiry-intermediate-signingcertificates-primary"];

describe("group expiry", () => {
  const all = AUTHORITIES.flatMap((authority) =>
    FAMILIES.flatMap((family) => SLOTS.map((slot) => groupExpiry([authority, family, slot]))),
  );
  allComeTrue(all.filter(({ story }) => !played.includes(story.name)));
});
