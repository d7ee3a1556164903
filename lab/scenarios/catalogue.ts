import type { Screen } from "./display";
import { runFirstRoll } from "./first-roll";

/** A story that the lab can play, with an end that can be judged. */
export interface Scenario {
  readonly name: string;
  /** One line for `--list`. */
  readonly summary: string;
  /** Resolves with whether every claim held. With `until` it stays up after its summary until that resolves. */
  run(options: { readonly screen: Screen; readonly until?: Promise<void> }): Promise<{ readonly ok: boolean }>;
}

/** All scenarios; the first is the default. */
export const scenarios: readonly Scenario[] = [
  {
    name: "first-roll",
    summary:
      "25 of 40 devices lose their keys to a thief; an alert rolls them onto new ones (two are switched off at first)",
    run: runFirstRoll,
  },
];
