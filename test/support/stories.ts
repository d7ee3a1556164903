import { stories } from "../../lab/scenarios/catalogue";
import { play } from "../../lab/scenarios/play";
import { setStage, type Stage } from "../../lab/scenarios/stage";
import type { Story } from "../../lab/scenarios/story";

/** How long a story may take on a machine that has other things to do. */
const storyTimeoutMs = 180_000;

/**
 * Plays stories of the catalogue one after another on one stage, a test each; every claim must hold. Needs `dist/`.
 * `STORY=name` plays only that one.
 */
export function playsOut(...names: readonly string[]): void {
  playsOutWithin(storyTimeoutMs, ...names);
}

/** The same for stories that take longer than others: each has so many milliseconds. */
export function playsOutWithin(timeoutMs: number, ...names: readonly string[]): void {
  const asked = process.env["STORY"];
  const chosen = names.filter((name) => asked === undefined || asked === name).map(named);
  if (chosen.length === 0) {
    test.todo(`${names.join(", ")} (not asked for)`);
    return;
  }
  let stage: Stage | undefined;
  beforeAll(async () => {
    stage = await setStage({ stories: chosen, guards: "on" });
  }, timeoutMs);
  afterAll(() => stage?.stop(), timeoutMs);

  test.each(chosen)(
    "$name: $summary",
    async (story) => {
      if (stage === undefined) throw new Error("the stage was not set");
      const printed: string[] = [];
      let ok = false;
      try {
        const { claims } = await play(story, stage, { screen: { print: (line) => printed.push(line) } });
        const broken = claims.filter(({ holds }) => !holds).map(({ name, sentence }) => `${name}: ${sentence}`);
        expect(broken).toEqual([]);
        ok = true;
      } finally {
        // The whole story, where it went wrong: without it nobody could tell why.
        if (!ok) console.log([...printed, ...stage.hostLog.slice(-40)].join("\n"));
      }
    },
    timeoutMs,
  );
}

function named(name: string): Story {
  const story = stories.find((each) => each.name === name);
  if (story === undefined) throw new Error(`There is no story ${name}.`);
  return story;
}
