import type { Attacker } from "../fleet/attacker";
import type { Fleet } from "../fleet/fleet";
import { messageOf } from "../fleet/transport";
import { liveTable } from "./display";
import type { Screen } from "./display";
import type { StatedDevice, Trust } from "./evidence";
import type { Product, RollStatus } from "./product";
import { allTrust } from "./referee";
import { rollTable } from "./roll-table";
import type { Cue, Picture, Scene } from "./story";

export interface WatchedRoll {
  readonly rollId: string;
  readonly product: Product;
  readonly scene: Scene;
  readonly fleet: Fleet;
  /** Undefined while there is no thief. */
  readonly attacker: Attacker | undefined;
  readonly cues: readonly Cue[];
  /** Milliseconds since the epoch. */
  readonly orderedAt: number;
  /** Milliseconds after the order at which the roll is left as it is. */
  readonly patienceMs: number;
  readonly screen: Screen;
  readonly say: (line: string) => void;
}

/** What the product said last. */
export interface RollEnd {
  readonly roll: RollStatus | undefined;
  readonly stated: ReadonlyMap<string, StatedDevice>;
}

const pollMs = 200;
/** A look at a large fleet is work for the product: the pause is as long as the look, up to this. */
const longestPauseMs = 5_000;

/**
 * Looks at the roll until it has finished and every cue has come, or until patience runs out, and paints what it sees.
 * Cues come one after another, in the order of the story. Rejects when a cue does.
 */
export async function watchRoll(run: WatchedRoll): Promise<RollEnd> {
  const { product, say, screen, scene, fleet } = run;
  const table = liveTable(screen);
  const cues = [...run.cues];
  let stated: ReadonlyMap<string, StatedDevice> = new Map();
  let roll: RollStatus | undefined;
  let problem: string | undefined;
  let lastCueAt = run.orderedAt;
  let isComplete = false;
  while (!isComplete && Date.now() - run.orderedAt < run.patienceMs) {
    const lookedAt = Date.now();
    // A look that fails says nothing about the roll: the last picture stays, and patience goes on running out.
    const seen = await look(product, run.rollId).catch((error: unknown) => messageOf(error));
    if (typeof seen !== "string") [roll, stated] = seen;
    else if (seen !== problem) {
      table.done();
      say(seen);
    }
    problem = typeof seen === "string" ? seen : undefined;
    const now = Date.now();
    const lookTookMs = now - lookedAt;
    const elapsedMs = now - run.orderedAt;
    const { cast } = scene;
    table.show(rollTable({ elapsedMs, roll, stated, keys: run.attacker?.report() ?? [], cast, fleet }, screen));
    const trust = (): readonly Trust[] => allTrust(scene.world.services);
    const picture: Picture = { roll, stated, cast, trust, elapsedMs, sinceLastCueMs: now - lastCueAt };
    const cue = cues[0];
    if (cue?.when(picture) === true) {
      cues.shift();
      lastCueAt = now;
      table.done();
      say(cue.say);
      await cue.act(scene);
    }
    isComplete = roll?.phase === "finished" && cues.length === 0;
    const pauseMs = Math.max(pollMs, Math.min(lookTookMs, longestPauseMs));
    if (!isComplete) await new Promise((done) => setTimeout(done, pauseMs));
  }
  table.done();
  return { roll, stated };
}

async function look(product: Product, rollId: string): Promise<[RollStatus, Map<string, StatedDevice>]> {
  const [roll, stated] = await Promise.all([product.roll(rollId), product.devices(rollId)]);
  return [roll, new Map(stated.map((device) => [device.registrationId, device]))];
}
