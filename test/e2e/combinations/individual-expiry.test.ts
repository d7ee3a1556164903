import { crew, enroll } from "../../../lab/scenarios/cast";
import { expiryClaims } from "../../../lab/scenarios/claims/sets";
import { devicesScope, expiring, order } from "../../../lab/scenarios/stories/orders";
import type { Player } from "../../../lab/scenarios/story";
import {
  allComeTrue,
  enrollmentsOf,
  identitiesOf,
  intoContainer,
  type Combination,
  type HeldSlots,
} from "../../support/combinations";

// Individual enrollments before their leaves expire: where the old leaf stands × where the new one comes from. What the
// catalogue plays with twenty devices is not repeated.

const SLOTS = ["primary", "secondary"] as const;
const SOURCES = ["inline", "blob", "csr"] as const;

/** The new leaf goes into the free slot, and the old one's is empty in the end. */
const END: Readonly<Record<(typeof SLOTS)[number], HeldSlots>> = {
  primary: { primary: "-", secondary: "new" },
  secondary: { primary: "new", secondary: "-" },
};

function withoutNext({ next: _, ...player }: Player): Player {
  return player;
}

function expiry(slot: (typeof SLOTS)[number], source: (typeof SOURCES)[number]): Combination {
  const name = `expiry-${slot}-${source}`;
  return {
    story: {
      name,
      summary: `the old leaf in the ${slot} slot, the new one by ${source}`,
      provable: () => [],
      cast: (world) => {
        const { issuer } = world.services;
        const all = crew({ name: `${name}-pump`, size: 3, issuer, nextIssuer: issuer });
        enroll(world, all, ({ active }) => ({ [slot]: active }));
        const bystanders = crew({ name: `${name}-valve`, size: 1, issuer });
        enroll(world, bystanders);
        return { rolled: source === "csr" ? all.map(withoutNext) : all, bystanders };
      },
      ask: ({ rolled }) => {
        const devices = source === "blob" ? rolled.map(withoutNext) : rolled;
        return order("individual-expiry", devicesScope(devices.map(expiring)), { replacement: { kind: source } });
      },
      thief: "after the end",
      claims: expiryClaims,
    },
    ...(source === "blob" ? { prepare: intoContainer } : {}),
    look: (world, cast) => ({
      enrollments: enrollmentsOf(world, cast),
      statuses: identitiesOf(world, cast).map(({ status }) => status),
    }),
    expected: { enrollments: [END[slot], END[slot], END[slot]], statuses: ["enabled", "enabled", "enabled"] },
  };
}

const played = ["expiry-primary-inline", "expiry-primary-csr"];

describe("individual expiry", () => {
  const all = SLOTS.flatMap((slot) => SOURCES.map((source) => expiry(slot, source)));
  allComeTrue(all.filter(({ story }) => !played.includes(story.name)));
});
