import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";

/** One line of the app, changed so that a law no longer holds. */
const Mutant = z.object({
  name: z.string(),
  /** The model test whose fleet shows it. */
  model: z.enum(["individual", "group"]),
  /** What the test says of it, as a regular expression. */
  says: z.string(),
});

const STORIES_PER_MUTANT = 3_000;
/** Most broken laws show in seconds. */
const MUTANT_MS = 120_000;

/**
 * Tells the model test so many stories of each fleet that no other run has told, then breaks the app in one line at a time
 * and looks whether the test notices. Run in the project's folder. Answers how much went wrong.
 */
export function soakModel(o: { stories: number; mutants: boolean }, print: (line: string) => void): number {
  let broken = 0;
  const seed = Math.floor(Math.random() * 2 ** 31);
  for (const model of Mutant.shape.model.options) {
    if (o.stories === 0) continue;
    const { red, text } = tell(model, { MODEL_RUNS: String(o.stories), MODEL_SEED: String(seed) });
    if (red) broken += 1;
    print(`${o.stories} stories of the ${model} model, seed ${seed}: ${red ? text : "every law holds"}`);
  }
  if (!o.mutants) return broken;
  for (const { name, model, says } of readMutants()) {
    const stories = { MODEL_RUNS: String(STORIES_PER_MUTANT), MODEL_MS: String(MUTANT_MS) };
    const { red, text } = tell(model, { ...stories, MODEL_MUTANT: name });
    const noticed = red && new RegExp(says).test(text);
    if (!noticed) broken += 1;
    print(`mutant "${name}": ${noticed ? "noticed" : red ? `red for another reason: ${text}` : "NOT noticed"}`);
  }
  return broken;
}

function readMutants(): z.infer<typeof Mutant>[] {
  return z.array(Mutant).parse(JSON.parse(readFileSync(resolve("test/unit/model/mutants.json"), "utf8")));
}

function tell(model: string, env: Record<string, string>): { readonly red: boolean; readonly text: string } {
  const jest = resolve("node_modules/jest/bin/jest.js");
  const ran = spawnSync(process.execPath, [jest, "--maxWorkers=1", `test/unit/model/${model}`], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { red: ran.status !== 0, text: ran.stdout + ran.stderr };
}
