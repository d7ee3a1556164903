import type { Screen } from "./display";
import { playAlone } from "./play";
import type { Stay } from "./play";
import { firstRoll } from "./stories/first-roll";
import { groupBreaches } from "./stories/group-breach";
import { groupExpiries } from "./stories/group-expiry";
import { individualBreaches } from "./stories/individual-breach";
import { individualExpiries } from "./stories/individual-expiry";
import type { Story } from "./story";

/** All stories; the first is the default. */
export const stories: readonly Story[] = [
  firstRoll({ devices: 40, breached: 25, offline: 2, inGroup: 4 }),
  ...individualBreaches,
  ...individualExpiries,
  ...groupBreaches,
  ...groupExpiries,
];

/** A story that the lab can play, with an end that can be judged. */
export interface Scenario {
  readonly name: string;
  /** One line for `--list`. */
  readonly summary: string;
  /** Resolves with whether every claim held. With `stay` it stays up after its summary. */
  run(options: { readonly screen: Screen; readonly stay?: Stay }): Promise<{ readonly ok: boolean }>;
}

/** The stories, each on a stage of its own. */
export const scenarios: readonly Scenario[] = stories.map((story) => ({
  name: story.name,
  summary: story.summary,
  run: (options) => playAlone(story, options),
}));
