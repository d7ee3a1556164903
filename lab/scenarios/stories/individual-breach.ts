import { crew, enroll, leafFor, stolen, stolenFrom } from "../cast";
import { breachClaims } from "../claims/sets";
import { hubHostName } from "../lab-services";
import type { Ask, Cast, Player, Story, World } from "../story";
import { inState, patientThief, theyAreBack } from "./cues";
import { breached, devicesScope, expiring, order } from "./orders";

/**
 * 20 pumps, enrolled one by one, whose keys a thief has; the last is switched off and he holds its session. 4 valves that
 * he knows nothing of.
 */
function robbed(story: string, world: World, options: { readonly slowMs?: number } = {}): Cast {
  const { issuer } = world.services;
  const { slowMs } = options;
  const all = crew({
    name: `${story}-pump`,
    size: 20,
    issuer,
    nextIssuer: issuer,
    onOfficialSdk: 1,
    ...(slowMs === undefined ? {} : { behaviour: { slowMs } }),
  });
  const rolled = [...all.slice(0, -1), ...all.slice(-1).map((player) => ({ ...player, behaviour: { offline: true } }))];
  const bystanders = crew({ name: `${story}-valve`, size: 4, issuer });
  enroll(world, [...rolled, ...bystanders]);
  return { rolled, bystanders, stolen: stolenFrom(rolled, isSwitchedOff) };
}

function isSwitchedOff({ behaviour }: Player): boolean {
  return behaviour?.offline === true;
}

function breachOf(players: readonly Player[], more: Parameters<typeof order>[2] = {}): Ask {
  return order("individual-breach", devicesScope(players.map((player) => breached(player))), more);
}

const common = { ...patientThief, cues: [theyAreBack] };

const plain: Story = {
  ...common,
  name: "individual-breach",
  summary:
    "20 keys are stolen; 3 of the devices once lived in another hub, where their identities still take the old key",
  hubs: 2,
  cast: (world) => {
    const cast = robbed("individual-breach", world);
    const moved = cast.rolled.slice(0, 3);
    for (const { deviceId, active } of moved) seedIdentity(world, deviceId, active.sha256Thumbprint);
    const elsewhere = moved.map((player) => ({ ...stolen(player, player.active, true), hubHostName: hubHostName(1) }));
    return { ...cast, stolen: [...(cast.stolen ?? []), ...elsewhere] };
  },
  ask: ({ rolled }) => breachOf(rolled),
  claims: [...breachClaims, "old-trust-gone"],
};

/** What a move to another hub can leave behind. */
function seedIdentity({ services }: World, deviceId: string, thumbprint: string): void {
  services.hubs[1]?.store.seed(deviceId, {
    authentication: {
      type: "selfSigned",
      primaryThumbprint: thumbprint,
      secondaryThumbprint: thumbprint,
      primaryKey: null,
      secondaryKey: null,
    },
  });
}

const bothSlots: Story = {
  ...common,
  name: "individual-breach-both-slots",
  summary: "20 devices lose the keys of both slots",
  cast: (world) => {
    const { rolled, bystanders } = robbed("individual-breach-both-slots", world);
    const both = rolled.map((player) => ({ player, second: leafFor(player.registrationId, world.services.issuer) }));
    const seconds = new Map(both.map(({ player, second }) => [player.registrationId, second]));
    enroll(world, rolled, ({ active, registrationId }) => ({
      primary: active,
      secondary: seconds.get(registrationId),
    }));
    return {
      rolled: both.map(({ player, second }) => ({ ...player, alsoOld: [second] })),
      bystanders,
      // Of a quarter he tries the second key, of the others the first: either opens the same doors.
      stolen: both.map(({ player, second }, index) =>
        stolen(player, index % 4 === 0 ? second : player.active, isSwitchedOff(player)),
      ),
    };
  },
  ask: ({ rolled }) =>
    order(
      "individual-breach",
      devicesScope(
        rolled.map((player) => breached(player, { compromised: { certificatePem: player.active.certificatePem } })),
      ),
    ),
  claims: [...breachClaims, "old-trust-gone"],
};

const noNewLeaf: Story = {
  ...common,
  name: "individual-breach-no-new-leaf",
  summary: "20 keys are stolen, nobody has new leaves: 16 devices come back by their healthy second slot, 4 stay out",
  cast: (world) => {
    const cast = robbed("individual-breach-no-new-leaf", world);
    const rolled = cast.rolled.map((player, index) =>
      index < 16 ? player : { ...withoutNext(player), leftOut: "no leaf to come back with" },
    );
    enroll(world, rolled, ({ active, next }) => ({ primary: active, secondary: next }));
    return { ...cast, rolled };
  },
  ask: ({ rolled }) => breachOf(rolled.map(withoutNext), { deadlineSeconds: 20 }),
  claims: [...breachClaims, "left-out-listed"],
};

function withoutNext({ next: _, ...player }: Player): Player {
  return player;
}

const noSelfHeal: Story = {
  ...common,
  name: "individual-breach-no-self-heal",
  summary: "20 keys are stolen; 4 devices have no second key and need a visit",
  cast: (world) => {
    const cast = robbed("individual-breach-no-self-heal", world);
    const rolled = cast.rolled.map((player, index) =>
      index < 16 ? player : { ...player, hasNext: false, leftOut: "needs a visit" },
    );
    return { ...cast, rolled };
  },
  ask: ({ rolled }) =>
    order(
      "individual-breach",
      devicesScope(
        rolled.map((player) => {
          const comesBack = player.leftOut === undefined;
          return breached(player, { selfHeals: comesBack, standbyLeaf: comesBack });
        }),
      ),
      { deadlineSeconds: 15 },
    ),
  claims: [...breachClaims, "left-out-listed"],
};

const deletes: Story = {
  ...common,
  name: "individual-breach-delete",
  summary: "20 keys are stolen; the identities are deleted, and made anew when the devices register again",
  cast: (world) => robbed("individual-breach-delete", world),
  ask: ({ rolled }) => breachOf(rolled, { containment: "delete" }),
  claims: [...breachClaims, "old-trust-gone"],
};

/** A device that does not answer is asked again, or cut off, after seconds instead of minutes. */
const impatient = { ROLLCALL_ATTEMPT_MS: "6000" } as const;

const reprovisions: Story = {
  ...common,
  name: "individual-breach-reprovision",
  summary:
    "20 keys are stolen; devices are told to register anew over the sessions they have, and cut off if they do not",
  settings: { ...impatient, ROLLCALL_MOVE_MS: "3000" },
  cast: (world) => robbed("individual-breach-reprovision", world),
  ask: ({ rolled }) => breachOf(rolled, { containment: "reprovision" }),
  claims: [...breachClaims, "old-trust-gone"],
};

const duringExpiry: Story = {
  ...common,
  name: "individual-breach-during-expiry",
  summary: "20 devices are being rolled for expiry when their old keys turn out to be stolen: the breach goes first",
  settings: impatient,
  prelude: {
    // It leaves the old slots alone until long after the story, so the stolen keys are good until the breach is known.
    ask: ({ rolled }) =>
      order("individual-expiry", devicesScope(rolled.map(expiring)), { retire: { when: "old-expired" } }),
    isUnderWay: (_roll, stated) => inState({ stated }, "dispatched", "reported", "proven") > 0,
  },
  cast: (world) => robbed("individual-breach-during-expiry", world, { slowMs: 1_000 }),
  ask: ({ rolled }) => breachOf(rolled),
  claims: [...breachClaims, "earlier-roll-gave-way"],
};

export const individualBreaches: readonly Story[] = [
  plain,
  bothSlots,
  noNewLeaf,
  noSelfHeal,
  deletes,
  reprovisions,
  duringExpiry,
];
