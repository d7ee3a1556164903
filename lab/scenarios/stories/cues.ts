import type { Cast, Cue, Picture, Story } from "../story";

/** A thief who leaves the lab's cores something to do before the alert: every try at the hub throws a genuine device out. */
export const patientThief = {
  thief: "from the start",
  attack: { dpsEveryMs: 500, hubCalmEveryMs: 6_000 },
} as const satisfies Partial<Story>;

/** Whoever is switched off and can be proven is switched on again once all others are proven. */
export const theyAreBack: Cue = {
  say: "the others are proven: those that were switched off are switched on again",
  when: ({ cast, stated }) =>
    cast.rolled
      .filter((player) => !isAway(player) && player.leftOut === undefined)
      .every(({ registrationId }) => stated.get(registrationId)?.provenAt !== undefined),
  act: ({ cast, fleet }) => {
    for (const player of cast.rolled) if (isAway(player)) fleet.device(player.registrationId).comeBack();
  },
};

function isAway({ behaviour, leftOut }: Cast["rolled"][number]): boolean {
  return behaviour?.offline === true && leftOut === undefined;
}

/** Somebody other than who gave the order reads the plan and approves it. */
export const planIsApproved: Cue = {
  say: "a colleague reads the plan and approves it",
  when: ({ roll }) => roll?.phase === "awaiting-approval",
  act: ({ command }) => command("approve"),
};

/** How many devices of the roll are in one of these states. */
export function inState({ stated }: Pick<Picture, "stated">, ...states: readonly string[]): number {
  return [...stated.values()].filter(({ state }) => states.includes(state)).length;
}
