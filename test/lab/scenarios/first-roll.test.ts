import { playAlone, type Played } from "../../../lab/scenarios/play";
import { firstRoll } from "../../../lab/scenarios/stories/first-roll";
import type { Mutants } from "../../../lab/scenarios/mutants";

/** Needs `dist/`, which `npm test` builds: the host loads the app as Azure does, from package.json's "main". */
const play = async (mutants: Mutants, patienceMs?: number): Promise<{ result: Played; printed: string[] }> => {
  const printed: string[] = [];
  const result = await playAlone(firstRoll({ devices: 6, breached: 4, offline: 1 }), {
    screen: { print: (line) => printed.push(line) },
    mutants,
    guards: "on",
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  return { result, printed };
};

/** A broken roll never ends: it is judged when this is over. Ten times what a good one takes. */
const patienceMs = 12_000;

const red = ({ claims }: Played): string[] => claims.filter(({ holds }) => !holds).map(({ name }) => name);

test("a roll on the lab's Azure, one device on the official SDKs: every claim holds, and the summary tells it", async () => {
  const { result, printed } = await play({});
  expect(red(result)).toEqual([]);
  expect(result.ok).toBe(true);
  expect(result.roll).toMatchObject({ phase: "finished", playbook: "individual-breach" });
  expect(printed.join("\n")).toMatch(/proven +4 of 4/);
  expect(printed.join("\n")).toMatch(/Look at the roll: http:\/\/127\.0\.0\.1:\d+\/api\/rolls\//);
});

test("a hub that acknowledges writes and ignores them turns hub-refuses-old-key red, and DPS is not blamed", async () => {
  const { result } = await play({ hubIgnoresWrites: true }, patienceMs);
  expect(red(result)).toContain("hub-refuses-old-key");
  expect(red(result)).not.toContain("dps-refuses-old-key");
});

test("a DPS that acknowledges writes and ignores them turns dps-refuses-old-key red", async () => {
  const { result } = await play({ dpsIgnoresWrites: true }, patienceMs);
  expect(red(result)).toContain("dps-refuses-old-key");
});

test("a hub that leaves the sessions of disabled identities alone turns old-sessions-dropped red, and no door is blamed", async () => {
  const { result } = await play({ sessionsSurvive: true }, patienceMs);
  expect(red(result)).toContain("old-sessions-dropped");
  expect(red(result)).not.toContain("dps-refuses-old-key");
  expect(red(result)).not.toContain("hub-refuses-old-key");
});
