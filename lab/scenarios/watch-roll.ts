import type { Attacker } from "../fleet/attacker";
import { messageOf } from "../fleet/transport";
import type { BreachFleet } from "./breach-fleet";
import { liveTable } from "./display";
import type { Screen } from "./display";
import type { StatedDevice } from "./evidence";
import type { Product, RollStatus } from "./product";
import { rollTable } from "./roll-table";

export interface WatchedRoll {
  readonly rollId: string;
  readonly product: Product;
  readonly devices: BreachFleet;
  readonly attacker: Attacker;
  /** Milliseconds since the epoch. */
  readonly alertAt: number;
  /** Milliseconds after the alert at which the roll is left as it is. */
  readonly patienceMs: number;
  /** Registration ids. */
  readonly switchedOff: readonly string[];
  readonly screen: Screen;
  readonly say: (line: string) => void;
}

/** What the product said last. */
export interface RollEnd {
  readonly roll: RollStatus | undefined;
  readonly stated: ReadonlyMap<string, StatedDevice>;
}

const pollMs = 200;

/**
 * Looks at the roll until it has finished and every device is proven, or until patience runs out, paints what it sees, and
 * switches the devices in `switchedOff` on again as soon as all others are proven.
 */
export async function watchRoll(run: WatchedRoll): Promise<RollEnd> {
  const { devices, product, say, screen } = run;
  const table = liveTable(screen);
  let stated: ReadonlyMap<string, StatedDevice> = new Map();
  let roll: RollStatus | undefined;
  let problem: string | undefined;
  let isComplete = false;
  let areBack = run.switchedOff.length === 0;
  while (!isComplete && Date.now() - run.alertAt < run.patienceMs) {
    // A look that fails says nothing about the roll: the last picture stays, and patience goes on running out.
    const seen = await look(product, run.rollId).catch((error: unknown) => messageOf(error));
    if (typeof seen !== "string") [roll, stated] = seen;
    else if (seen !== problem) {
      table.done();
      say(seen);
    }
    problem = typeof seen === "string" ? seen : undefined;
    const elapsedMs = Date.now() - run.alertAt;
    table.show(rollTable({ elapsedMs, roll, stated, keys: run.attacker.report(), devices }, screen));
    const unproven = devices.victims.filter(({ registrationId: id }) => stated.get(id)?.provenAt === undefined);
    if (!areBack && unproven.every(({ registrationId }) => run.switchedOff.includes(registrationId))) {
      areBack = true;
      for (const registrationId of run.switchedOff) devices.fleet.device(registrationId).comeBack();
      if (screen.terminal === undefined) say(`${run.switchedOff.join(", ")} are switched on again`);
    }
    isComplete = roll?.phase === "finished" && unproven.length === 0;
    if (!isComplete) await new Promise((done) => setTimeout(done, pollMs));
  }
  table.done();
  return { roll, stated };
}

async function look(product: Product, rollId: string): Promise<[RollStatus, Map<string, StatedDevice>]> {
  const [roll, stated] = await Promise.all([product.roll(rollId), product.devices(rollId)]);
  return [roll, new Map(stated.map((device) => [device.registrationId, device]))];
}
