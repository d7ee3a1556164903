import * as fc from "fast-check";
import type { FaultEffect } from "../../../lab/faults/faults";
import { Deeds, type Deed } from "./deeds";
import { LEAVES, ROLLS, type Fleet, type RollName } from "./fleet";
import { World, type Disturbance, type Way } from "./world";

/** One thing that happens. Plain data: a failure prints as the list of what has happened. */
export type Event =
  | { readonly start: RollName }
  /** Activities, chosen from those that can run by number, one after the other. */
  | { readonly steps: readonly { readonly pick: number; readonly way: Way }[] }
  /** One activity under whose feet something happens just after its n-th call to a service. */
  | { readonly pick: number; readonly afterCall: number; readonly deed: Deed }
  /** One activity to whose calls a service answers badly. */
  | { readonly pick: number; readonly operation: string; readonly effect: FaultEffect; readonly times: number }
  | { readonly deed: Deed }
  | { readonly passMs: number }
  | { readonly say: "pause" | "resume" | "abort" | "retry"; readonly roll: RollName }
  /** The orchestration vanishes, and the sweeper starts it again. */
  | { readonly restart: RollName };

/** By person's hand: what there is to edit depends on the fleet. */
const deedWith = (edits: readonly string[]): fc.Arbitrary<Deed> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        deed: fc.constant("register" as const),
        device: fc.nat(3),
        // What thieves have, and devices go back to.
        leaf: fc.constantFrom("old" as const, "old" as const, "old" as const, ...LEAVES),
        lands: fc.constantFrom("now" as const, "later" as const),
        hub: fc.nat(1),
      }),
    },
    { weight: 3, arbitrary: fc.constant({ deed: "land" as const }) },
    { weight: 3, arbitrary: fc.record({ deed: fc.constant("heal" as const), device: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ deed: fc.constant("answer" as const), device: fc.nat(3) }) },
    { weight: 4, arbitrary: fc.constant({ deed: "obey" as const }) },
    { weight: 1, arbitrary: fc.record({ deed: fc.constant("speak" as const), device: fc.nat(3) }) },
    {
      weight: 2,
      arbitrary: fc.record({ deed: fc.constant("edit" as const), device: fc.nat(3), edit: fc.constantFrom(...edits) }),
    },
  );

const way: fc.Arbitrary<Way> = fc.oneof(
  { weight: 8, arbitrary: fc.constant("once" as const) },
  { weight: 1, arbitrary: fc.constantFrom("twice" as const, "cut-off" as const, "again-later" as const) },
);

const status = (code: 412 | 429 | 500 | 503): FaultEffect => ({ kind: "status", status: code });
const ON_READS: readonly FaultEffect[] = [status(429), status(500), { kind: "hang" }];
const ON_WRITES: readonly FaultEffect[] = [
  ...ON_READS,
  status(412),
  { kind: "reply-lost" },
  { kind: "acknowledged-not-done" },
];
const OF_GROUPS = {
  reads: ["dps.ca.list", "dps.group.get", "dps.group.query", "dps.registration.query"],
  writes: ["dps.group.put", "dps.ca.put", "dps.ca.generate", "dps.ca.verify", "dps.ca.delete"],
} as const;
const fault = fc.oneof(
  fc.record({
    operation: fc.constantFrom("dps.enrollment.get", "dps.registration.get", "hub.twin.get", ...OF_GROUPS.reads),
    effect: fc.constantFrom(...ON_READS),
  }),
  fc.record({
    operation: fc.constantFrom("dps.enrollment.put", "hub.registry.bulk", "hub.method.invoke", ...OF_GROUPS.writes),
    effect: fc.constantFrom(...ON_WRITES),
  }),
);

const eventWith = (deed: fc.Arbitrary<Deed>): fc.Arbitrary<Event> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ start: fc.constantFrom(...ROLLS) }) },
    {
      weight: 12,
      arbitrary: fc.record({ steps: fc.array(fc.record({ pick: fc.nat(5), way }), { minLength: 1, maxLength: 8 }) }),
    },
    { weight: 4, arbitrary: fc.record({ pick: fc.nat(5), afterCall: fc.integer({ min: 1, max: 6 }), deed }) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fault, fc.nat(5), fc.integer({ min: 1, max: 3 }))
        .map(([{ operation, effect }, pick, times]) => ({ pick, operation, effect, times })),
    },
    { weight: 8, arbitrary: fc.record({ deed }) },
    { weight: 2, arbitrary: fc.record({ passMs: fc.constantFrom(100, 1_000, 10_000, 35_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        say: fc.constantFrom("pause" as const, "resume" as const, "abort" as const, "retry" as const),
        roll: fc.constantFrom(...ROLLS),
      }),
    },
    { weight: 1, arbitrary: fc.record({ restart: fc.constantFrom(...ROLLS) }) },
  );

/** The world with whoever acts in it. */
interface Scene {
  readonly world: World;
  readonly deeds: Deeds;
}

/** Which rolls have begun: what else the world is in, is asked of the world itself. */
interface Begun {
  readonly rolls: Set<RollName>;
}

class Command implements fc.AsyncCommand<Begun, Scene> {
  constructor(private readonly event: Event) {}

  check({ rolls }: Readonly<Begun>): boolean {
    if ("start" in this.event) return !rolls.has(this.event.start);
    if ("restart" in this.event) return rolls.has(this.event.restart);
    return !("say" in this.event) || rolls.has(this.event.roll);
  }

  async run({ rolls }: Begun, scene: Scene): Promise<void> {
    if ("start" in this.event) rolls.add(this.event.start);
    await happen(scene, this.event);
  }

  toString(): string {
    return JSON.stringify(this.event);
  }
}

/** What happens to a fleet. */
export function stories(edits: readonly string[]): fc.Arbitrary<Iterable<fc.AsyncCommand<Begun, Scene>>> {
  const event = eventWith(deedWith(edits));
  return fc.commands([event.map((what): fc.AsyncCommand<Begun, Scene> => new Command(what))], {
    maxCommands: 50,
    size: "max",
  });
}

/** Plays a story in a world of its own, to its end. Throws where a law is broken. */
export async function play(fleet: Fleet, story: Iterable<fc.AsyncCommand<Begun, Scene>>): Promise<void> {
  const world = new World(fleet);
  const scene = { world, deeds: new Deeds(world) };
  await fc.asyncModelRun(() => ({ model: { rolls: new Set<RollName>() }, real: scene }), story);
  await playOut(scene);
}

/** Lets it happen, then looks whether all laws hold. */
async function happen({ world, deeds }: Scene, event: Event): Promise<void> {
  if ("start" in event) await world.startRoll(event.start);
  else if ("steps" in event) for (const { pick, way: how } of event.steps) await world.step(pick, how);
  else if ("afterCall" in event) await world.step(event.pick, "once", duringCall(deeds, event.afterCall, event.deed));
  else if ("operation" in event) await world.step(event.pick, "once", underFault(event));
  else if ("deed" in event) await deeds.perform(event.deed);
  else if ("passMs" in event) world.bed.clock.pass(event.passMs);
  else if ("say" in event) await world.say(event.roll, event.say);
  else world.restart(event.restart);
  await world.startDue();
  await world.judge();
}

function duringCall(deeds: Deeds, nth: number, deed: Deed): Disturbance {
  return ({ bed, watch }) => {
    let calls = 0;
    return bed.azure.faults.observe(async () => {
      if (watch.run.getStore() === undefined) return;
      calls += 1;
      if (calls === nth) await watch.run.exit(() => deeds.perform(deed));
    });
  };
}

function underFault({ operation, effect, times }: Extract<Event, { operation: string }>): Disturbance {
  return ({ bed }) => bed.azure.faults.add({ operation, effect, times });
}

/** Everything in flight lands, devices do what they can, and the rolls come to their end. */
async function playOut(scene: Scene): Promise<void> {
  const { world, deeds } = scene;
  deeds.landAll();
  for (const name of world.roots.keys()) await world.say(name, "resume");
  for (let n = 0; await world.step(0); n += 1) {
    if (n > 3_000) throw new Error("the rolls do not end");
    if (n % 12 === 0) await happen(scene, { deed: { deed: "obey" } });
  }
  for (const [name, { failure }] of world.roots)
    if (failure !== undefined) throw new Error(`the orchestration of ${name} failed`, { cause: failure });
}
