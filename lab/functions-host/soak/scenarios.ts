import type { FuzzScenario } from "./crash-fuzz";

/** Orchestrations of the app test/fixtures/apps/golden whose output does not depend on who is faster. */
export const goldenScenarios: readonly FuzzScenario[] = [
  { name: "thenTimerThenChild" },
  { name: "countdown", input: { left: 3 } },
  { name: "parentOfFailing" },
  { name: "allFailing" },
  { name: "collector", input: { wanted: 3 }, events: ["x", "y", "z"].map((value) => ({ name: "item", value })) },
  { name: "twoEvents", events: [1, 2].map((value) => ({ name: "a", value })) },
  { name: "callsEntity" },
  { name: "locks" },
  { name: "types" },
];
