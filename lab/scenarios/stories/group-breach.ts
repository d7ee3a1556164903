import { keyOf } from "../../dps/entries";
import { x509Authentication } from "../../iot-hub/identity";
import { crew, groupByReferences, groupBySigningCertificate, leafFor, stolen, stolenFrom } from "../cast";
import type { ClaimName } from "../claims/judge";
import { breachClaims } from "../claims/sets";
import type { CertificateAuthority } from "../../pki/certificates";
import type { Evidence } from "../evidence";
import { until } from "../performance";
import type { Ask, Cast, Player, Scene, Story, World } from "../story";
import { patientThief, theyAreBack } from "./cues";
import { breached, order } from "./orders";

const caBreachClaims = [
  ...breachClaims,
  "ghosts-shut-out",
  "groups-never-dangle",
  "old-trust-gone",
] as const satisfies readonly ClaimName[];

interface RobbedGroup {
  readonly story: string;
  /** What the thief has the key of; it signed the devices' leaves. */
  readonly authority: CertificateAuthority;
  readonly nextIssuer: CertificateAuthority;
  readonly size?: number;
  /** False: the thief registers nobody of his own. */
  readonly ghostly?: boolean;
}

/**
 * 20 pumps below an authority whose key the thief has: he minted leaves for two of them and for two names that nobody has,
 * and stole the keys of up to 18 others. The last pump is switched off, and its session is his. The pumps hold leaves of
 * the next authority.
 */
function robbedGroup({ story, authority, nextIssuer, size = 20, ghostly = true }: RobbedGroup): Cast {
  const all = crew({ name: `${story}-pump`, size, issuer: authority, nextIssuer, onOfficialSdk: 1 });
  const minted = all.slice(1, 3).map((player) => ({ ...player, alsoOld: [leafFor(player.registrationId, authority)] }));
  const away = all.slice(-1).map((player) => ({ ...player, behaviour: { offline: true } }));
  const rolled = [...all.slice(0, 1), ...minted, ...all.slice(3, -1), ...away];
  const ghosts = (ghostly ? ["ghost-001", "ghost-002"] : []).map((name) => {
    const registrationId = `${story}-${name}`;
    return { registrationId, deviceId: registrationId, leaf: leafFor(registrationId, authority) };
  });
  return {
    rolled,
    bystanders: [],
    ghosts,
    stolen: [
      ...minted.flatMap((player) => player.alsoOld.map((leaf) => stolen(player, leaf))),
      ...stolenFrom(
        [...rolled.slice(0, 1), ...rolled.slice(3, 19), ...away],
        (player) => player.behaviour?.offline === true,
      ),
      ...ghosts.map((ghost) => stolen(ghost, ghost.leaf)),
    ],
  };
}

/** 4 valves in a group of their own, below another authority. */
function neighbours(story: string, world: World, issuer: CertificateAuthority): Player[] {
  groupBySigningCertificate(world, `${story}-neighbours`, issuer);
  return crew({ name: `${story}-valve`, size: 4, issuer });
}

const common = { ...patientThief, cues: [theyAreBack] };

const root: Story = {
  ...common,
  name: "group-breach-root",
  summary: "a thief has the key of a root CA: its group is closed, every device cut off, a new root proven and put in",
  cast: (world) => {
    const { dps } = world.services;
    dps.store.addVerifiedCa(world.root.certificatePem, "group-breach-root-old");
    groupByReferences(world, "group-breach-root-fleet", { primary: "group-breach-root-old" });
    const cast = robbedGroup({
      story: "group-breach-root",
      authority: world.intermediate,
      nextIssuer: world.intermediateOfNextRoot,
    });
    const bystanders = neighbours("group-breach-root", world, world.services.issuer);
    return { ...cast, bystanders, oldAuthorities: [world.root] };
  },
  ask: ({ rolled }, { root: old, nextRoot }) =>
    order(
      "group-breach",
      {
        kind: "group",
        groupId: "group-breach-root-fleet",
        authority: "root",
        devices: known(rolled),
        compromised: { slots: ["primary"], certificatePems: [old.certificatePem] },
        successor: { name: "group-breach-root-new", chainPem: nextRoot.certificatePem },
      },
      anHourAgo(),
    ),
  claims: caBreachClaims,
};

const intermediate: Story = {
  ...common,
  name: "group-breach-intermediate",
  summary: "a thief has the key of an intermediate CA: the group is closed, every device cut off, the next one put in",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-breach-intermediate-root");
    groupBySigningCertificate(world, "group-breach-intermediate-fleet", world.intermediate);
    const cast = robbedGroup({
      story: "group-breach-intermediate",
      authority: world.intermediate,
      nextIssuer: world.nextIntermediate,
    });
    const bystanders = neighbours("group-breach-intermediate", world, world.sibling);
    return { ...cast, bystanders, oldAuthorities: [world.intermediate] };
  },
  ask: (cast, world) => intermediateBreach("group-breach-intermediate-fleet", cast, world),
  claims: caBreachClaims,
};

function intermediateBreach(groupId: string, cast: Cast, world: World): Ask {
  const { rolled } = cast;
  const { intermediate: old, nextIntermediate } = world;
  return order(
    "group-breach",
    {
      kind: "group",
      groupId,
      authority: "intermediate",
      // An order names a thousand at most; of a larger fleet it names none.
      ...(rolled.length > 1_000 ? {} : { devices: known(rolled) }),
      compromised: { slots: ["primary"], certificatePems: [old.certificatePem] },
      successor: { chainPem: nextIntermediate.chainPem },
    },
    rolled.length > 1_000 ? { compromisedSince: fleetWasComplete(cast, world) } : anHourAgo(),
  );
}

/** The operator knows these devices; whoever else registered since the theft is nobody's. */
function known(rolled: readonly Player[]): object[] {
  return rolled.map(({ registrationId }) => ({ registrationId }));
}

/** The moment right after the last genuine device had registered for the first time: whoever came later is a stranger. */
function fleetWasComplete({ rolled }: Cast, { services }: World): string {
  const first = rolled.map(
    ({ registrationId }) => services.dps.store.registrations.get(keyOf(registrationId))?.createdAt,
  );
  return new Date(Math.max(...first.map((at) => at ?? 0)) + 1).toISOString();
}

function anHourAgo(): { readonly compromisedSince: string } {
  return { compromisedSince: new Date(Date.now() - 3_600_000).toISOString() };
}

const shadowPath: Story = {
  ...common,
  name: "group-breach-shadow-path",
  summary:
    "as group-breach-intermediate, but a group for the root stands above, which old leaves must not fall through to",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-breach-shadow-path-root");
    groupBySigningCertificate(world, "group-breach-shadow-path-fleet", world.intermediate);
    groupByReferences(world, "group-breach-shadow-path-above", { primary: "group-breach-shadow-path-root" });
    const cast = robbedGroup({
      story: "group-breach-shadow-path",
      authority: world.intermediate,
      nextIssuer: world.nextIntermediate,
    });
    // They enrol through the group above: what is done about the pumps must not touch it for them.
    const bystanders = crew({ name: "group-breach-shadow-path-valve", size: 4, issuer: world.sibling });
    return { ...cast, bystanders, oldAuthorities: [world.intermediate] };
  },
  ask: (cast, world) => intermediateBreach("group-breach-shadow-path-fleet", cast, world),
  claims: caBreachClaims,
};

const leafPin: Story = {
  ...common,
  name: "group-breach-leaf-pin",
  summary: "4 of a group's 20 devices lose their keys: each gets an enrollment of its own that holds the new leaf",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-breach-leaf-pin-root");
    groupBySigningCertificate(world, "group-breach-leaf-pin-fleet", world.intermediate);
    const all = crew({
      name: "group-breach-leaf-pin-pump",
      size: 20,
      issuer: world.intermediate,
      nextIssuer: world.intermediate,
      onOfficialSdk: 1,
    });
    const rolled = all.slice(0, 4);
    return { rolled, bystanders: all.slice(4), stolen: stolenFrom(rolled) };
  },
  ask: ({ rolled }) =>
    order("group-breach", {
      kind: "group",
      groupId: "group-breach-leaf-pin-fleet",
      authority: "leaf",
      devices: rolled.map((player) =>
        breached(player, { compromised: { certificatePem: player.active.certificatePem } }),
      ),
    }),
  cues: [],
  claims: [...breachClaims, "old-trust-gone"],
};

const importJob: Story = {
  ...common,
  name: "group-breach-import-job",
  summary: "2,000 devices below a stolen intermediate CA: too many for single writes, so one import job cuts them off",
  // The lab's hub has no throttles, so that single writes would never be slow.
  settings: { ROLLCALL_IMPORT_WHEN_SLOWER_THAN_SECONDS: "0" },
  connections: "memory",
  // A fleet of this size that asks every second to be let in again would leave the machine no time for anything else; nor
  // would twenty keys that are tried at every door twice a second.
  attack: { dpsEveryMs: 2_000, hubCalmEveryMs: 10_000 },
  timing: { heartbeatMs: 15_000, backoffBaseMs: 8_000, backoffCapMs: 40_000 },
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-breach-import-job-root");
    groupBySigningCertificate(world, "group-breach-import-job-fleet", world.intermediate);
    const cast = robbedGroup({
      story: "group-breach-import-job",
      authority: world.intermediate,
      nextIssuer: world.nextIntermediate,
      size: 2_000,
      ghostly: false,
    });
    const bystanders = neighbours("group-breach-import-job", world, world.sibling);
    return { ...cast, bystanders, oldAuthorities: [world.intermediate] };
  },
  ask: (cast, world) => intermediateBreach("group-breach-import-job-fleet", cast, world),
  patienceMs: 480_000,
  claims: [...caBreachClaims.filter((name) => name !== "ghosts-shut-out"), "import-job-ran"],
};

const rogue: Story = {
  ...common,
  name: "group-breach-rogue",
  summary:
    "a thief with the CA's key has registered devices of his own, and erased one's record: all are found and cut off",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "group-breach-rogue-root");
    groupBySigningCertificate(world, "group-breach-rogue-fleet", world.intermediate);
    const cast = robbedGroup({
      story: "group-breach-rogue",
      authority: world.intermediate,
      nextIssuer: world.nextIntermediate,
    });
    const bystanders = neighbours("group-breach-rogue", world, world.sibling);
    const erased = erasedGhost("group-breach-rogue-ghost-003", world);
    return {
      ...cast,
      bystanders,
      ghosts: [...(cast.ghosts ?? []), erased],
      stolen: [...(cast.stolen ?? []), { ...stolen(erased, erased.leaf), shunsDps: true }],
      oldAuthorities: [world.intermediate],
    };
  },
  ask: (cast, world) => intermediateBreach("group-breach-rogue-fleet", cast, world),
  claims: [...caBreachClaims, "ghosts-listed"],
};

/** Registered once, and its record deleted since: the hub has it, and DPS knows nothing of it. */
function erasedGhost(
  registrationId: string,
  { services, intermediate: issuer }: World,
): NonNullable<Cast["ghosts"]>[number] {
  const leaf = leafFor(registrationId, issuer);
  const authentication = x509Authentication(leaf.sha256Thumbprint, leaf.sha256Thumbprint);
  services.hub.store.seed(registrationId, { authentication });
  return { registrationId, deviceId: registrationId, leaf, erased: true };
}

const denyAndLift: Story = {
  ...common,
  name: "deny-and-lift",
  summary: "4 of a group's 20 devices lose their keys and nobody has new leaves: denied, then let in again by a person",
  cast: (world) => {
    world.services.dps.store.addVerifiedCa(world.root.certificatePem, "deny-and-lift-root");
    groupBySigningCertificate(world, "deny-and-lift-fleet", world.intermediate);
    const all = crew({ name: "deny-and-lift-pump", size: 20, issuer: world.intermediate, onOfficialSdk: 1 });
    const rolled = all.slice(0, 4).map((player) => ({ ...player, leftOut: "denied until a person lifts it" }));
    return { rolled, bystanders: all.slice(4), stolen: stolenFrom(rolled) };
  },
  ask: ({ rolled }) =>
    order(
      "group-breach",
      {
        kind: "group",
        groupId: "deny-and-lift-fleet",
        authority: "leaf",
        devices: rolled.map((player) =>
          breached(player, { compromised: { certificatePem: player.active.certificatePem } }),
        ),
      },
      { deadlineSeconds: 12 },
    ),
  cues: [],
  epilogue: liftsThemAll,
  claims: [
    ...breachClaims.filter((name) => !["every-device-proven", "new-key-connects"].includes(name)),
    "left-out-listed",
    "epilogue-came-true",
  ],
};

/** Each denial is explained, is not lifted before its time by mistake, and is lifted when a person insists. */
async function liftsThemAll({ cast, product, fleet, world }: Scene): Promise<NonNullable<Evidence["epilogue"]>> {
  const denied = new Set(cast.rolled.map(({ registrationId }) => registrationId));
  const mine = async () => (await product.denials()).filter(({ target }) => denied.has(target));
  const denials = await mine();
  const statuses = [];
  for (const denial of denials) {
    const early = await product.lift(denial, { reason: "by mistake" });
    const insisted = await product.lift(denial, { reason: "the keys were in a safe all along", override: true });
    statuses.push(`${early} ${insisted}`);
  }
  const isBack = (): boolean => cast.rolled.every(({ registrationId }) => fleet.device(registrationId).isConnected());
  const areBack = await until(isBack, "They did not come back.").then(
    () => true,
    () => false,
  );
  const left = cast.rolled.filter(({ registrationId }) => world.services.dps.store.enrollments.get(registrationId));
  const explained = denials.every(({ reason, removeAfter }) => reason !== "" && removeAfter !== undefined);
  const noted = (await mine()).every(({ lifted }) => lifted?.by === "Anna Approver");
  const problem =
    denials.length !== denied.size
      ? `${denials.length} denials are listed for ${denied.size} devices.`
      : !explained
        ? "Not every denial says why it is there and until when."
        : statuses.some((each) => each !== "409 200")
          ? `Lifting was answered ${[...new Set(statuses)].join(", ")}.`
          : !areBack
            ? "Not every device came back after its denial was lifted."
            : left.length > 0
              ? `${left.length} entries were left in DPS.`
              : !noted
                ? "It is not on record who lifted what."
                : undefined;
  return {
    sentence: `${denials.length} denials were explained, kept when lifted by mistake, and lifted by name; the devices are back.`,
    ...(problem === undefined ? {} : { complaint: problem }),
  };
}

export const groupBreaches: readonly Story[] = [root, intermediate, shadowPath, leafPin, importJob, rogue, denyAndLift];
