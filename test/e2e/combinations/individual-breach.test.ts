import { crew, enroll, leafFor, stolenFrom } from "../../../lab/scenarios/cast";
import { breachClaims } from "../../../lab/scenarios/claims/sets";
import { patientThief, theyAreBack } from "../../../lab/scenarios/stories/cues";
import { breached, devicesScope, order } from "../../../lab/scenarios/stories/orders";
import type { Player } from "../../../lab/scenarios/story";
import {
  allComeTrue,
  enrollmentsOf,
  identitiesOf,
  intoContainer,
  registryWrites,
  type Combination,
  type HeldSlots,
} from "../../support/combinations";

// Stolen leaves of individual enrollments: how they are contained × which slots × where the new leaf comes from. What the
// catalogue plays with twenty devices is not repeated. `ALL_COMBINATIONS=1` plays all thirty.

const CONTAINMENTS = ["sentinel", "replace", "disable", "delete", "reprovision"] as const;
const SLOTS = ["primary", "secondary", "both"] as const;
const SOURCES = ["inline", "blob"] as const;
type Containment = (typeof CONTAINMENTS)[number];
type Slots = (typeof SLOTS)[number];

/** The new leaf takes the place of the first that goes. */
const END: Readonly<Record<Slots, HeldSlots>> = {
  primary: { primary: "new", secondary: "-" },
  secondary: { primary: "-", secondary: "new" },
  both: { primary: "new", secondary: "-" },
};

/** How the identity is written of a device that is switched off meanwhile: nobody registers in between. */
const HUB_WRITES: Readonly<Record<Containment, readonly string[]>> = {
  sentinel: ["disabled, no leaf", "enabled, no leaf"],
  replace: ["disabled, no leaf", "enabled, the new leaf"],
  disable: ["disabled, no leaf", "enabled, the leaf that DPS wrote"],
  delete: ["deleted"],
  // It is told over a session that it does not have, and cut off after all.
  reprovision: ["disabled, no leaf", "enabled, no leaf"],
};

function withoutNext({ next: _, ...player }: Player): Player {
  return player;
}

function isSwitchedOff({ behaviour }: Player): boolean {
  return behaviour?.offline === true;
}

function breach(containment: Containment, slots: Slots, source: (typeof SOURCES)[number]): Combination {
  const name = `breach-${containment}-${slots}-${source}`;
  let writes: readonly string[] = [];
  return {
    story: {
      ...patientThief,
      name,
      summary: `${containment}, ${slots === "both" ? "both slots" : `the ${slots} slot`}, new leaves by ${source}`,
      // Seconds instead of minutes until a device that does not answer is asked again or cut off, and until identities that
      // wait, disabled, for DPS to write a new leaf are read again.
      settings: { ROLLCALL_ATTEMPT_MS: "6000", ROLLCALL_MOVE_MS: "3000", ROLLCALL_RECHECK_MS: "3000" },
      provable: () => [],
      cast: (world) => {
        const { issuer } = world.services;
        const all = crew({ name: `${name}-pump`, size: 3, issuer, nextIssuer: issuer }).map((player, at) => ({
          ...player,
          ...(at === 2 ? { behaviour: { offline: true } } : {}),
          ...(slots === "both" ? { alsoOld: [leafFor(player.registrationId, issuer)] } : {}),
        }));
        const second = new Map(all.map(({ registrationId, alsoOld }) => [registrationId, alsoOld?.[0]]));
        enroll(world, all, ({ active, registrationId }) =>
          slots === "secondary" ? { secondary: active } : { primary: active, secondary: second.get(registrationId) },
        );
        const bystanders = crew({ name: `${name}-valve`, size: 1, issuer });
        enroll(world, bystanders);
        return { rolled: all, bystanders, stolen: stolenFrom(all, isSwitchedOff) };
      },
      ask: ({ rolled }) => {
        const compromised = { slots: slots === "both" ? ["primary", "secondary"] : [slots] };
        const devices = source === "blob" ? rolled.map(withoutNext) : rolled;
        return order("individual-breach", devicesScope(devices.map((player) => breached(player, { compromised }))), {
          containment,
          ...(source === "blob" ? { replacement: { kind: "blob" } } : {}),
        });
      },
      cues: [theyAreBack],
      claims: [...breachClaims, "old-trust-gone"],
    },
    prepare: async (cast, world) => {
      const away = cast.rolled.find(isSwitchedOff);
      if (away !== undefined) writes = registryWrites(world, away);
      if (source === "blob") await intoContainer(cast, world);
    },
    look: (world, cast) => ({
      enrollments: enrollmentsOf(world, cast),
      identities: identitiesOf(world, cast),
      writes: [...new Set(writes)],
    }),
    expected: {
      enrollments: [END[slots], END[slots], END[slots]],
      identities: Array.from({ length: 3 }, () => ({ primary: "new", secondary: "new", status: "enabled" })),
      writes: HUB_WRITES[containment],
    },
  };
}

const played = [
  "sentinel-primary-inline",
  "sentinel-both-inline",
  "delete-primary-inline",
  "reprovision-primary-inline",
];

/** Every pair of a containment and slots with one of the sources, so that each pair of two is there; or all of them. */
function isChosen(containment: Containment, slots: Slots, source: (typeof SOURCES)[number]): boolean {
  if (process.env["ALL_COMBINATIONS"] !== undefined) return true;
  if (played.includes(`${containment}-${slots}-${source}`)) return false;
  return (CONTAINMENTS.indexOf(containment) + SLOTS.indexOf(slots) + SOURCES.indexOf(source)) % 2 === 0;
}

describe("individual breach", () => {
  const all = CONTAINMENTS.flatMap((containment) =>
    SLOTS.flatMap((slots) =>
      SOURCES.filter((source) => isChosen(containment, slots, source)).map((source) =>
        breach(containment, slots, source),
      ),
    ),
  );
  allComeTrue(all);
});
