import { randomUUID } from "node:crypto";
import { startAttacker } from "../fleet/attacker";
import type { Attacker } from "../fleet/attacker";
import type { Fleet } from "../fleet/fleet";
import { stolenFrom } from "./cast";
import type { Screen } from "./display";
import type { Command, Evidence, RolledDevice } from "./evidence";
import { applyMutants } from "./mutants";
import type { Mutants } from "./mutants";
import type { AlertAnswer, RollStatus } from "./product";
import { allTrust, fingerprints, startReferee } from "./referee";
import type { Referee } from "./referee";
import type { Stage } from "./stage";
import type { Ask, Cast, Player, Scene, Story, World } from "./story";
import { watchRoll } from "./watch-roll";

/** Who is there. */
export interface Company {
  readonly world: World;
  readonly cast: Cast;
  readonly fleet: Fleet;
  readonly say: (line: string) => void;
  readonly cleanup: (() => unknown)[];
}

export interface Run {
  readonly evidence: Omit<Evidence, "leaks" | "placesSearched">;
  readonly rollId: string;
  readonly roll: RollStatus | undefined;
  readonly totalMs: number;
  readonly hostTurns: number;
}

export interface PerformanceOptions {
  readonly screen: Screen;
  readonly mutants?: Mutants;
  /** Over the story's own. */
  readonly patienceMs?: number;
  readonly afterwardsMs?: number;
}

/** One run of a story, from the thief's arrival to the last evidence. */
export class Performance {
  private readonly commands: Command[] = [];
  private attacker: Attacker | undefined;

  constructor(
    private readonly story: Story,
    private readonly stage: Stage,
    private readonly options: PerformanceOptions,
    private readonly company: Company,
  ) {}

  async run(): Promise<Run> {
    const { story, stage, options } = this;
    const { cast, fleet, world, say } = this.company;
    const earlierRollId = story.prelude === undefined ? undefined : await this.playPrelude(story.prelude);
    if (story.thief === "from the start") await this.thiefArrives();
    applyMutants(stage.services, options.mutants ?? {});

    const bystandersBefore = fingerprints(stage.services, cast.bystanders);
    const watched = { fleet, ids: cast.rolled.map(({ registrationId }) => registrationId) };
    // In a breach it is the point that DPS refuses devices for a while.
    const referee = startReferee(stage.services, story.claims.some(isAboutDoorsThatStayOpen) ? watched : undefined);
    this.company.cleanup.push(() => {
      referee.stop();
    });
    const rehearsal = story.rehearsed === true ? await this.rehearse(referee) : undefined;

    const ask = story.ask(cast, world);
    const key = randomUUID();
    const orderedAt = Date.now();
    const { rollId } = accepted(await this.post(ask, key));
    const again = await this.post(ask, key);
    say(`${"alert" in ask ? "the alert" : "the order"} is posted; ${stage.product.statusUrl(rollId)}`);

    const watchedRoll = await watchRoll({
      rollId,
      product: stage.product,
      scene: this.scene(rollId),
      fleet,
      attacker: this.attacker,
      cues: story.cues ?? [],
      orderedAt,
      patienceMs: options.patienceMs ?? story.patienceMs ?? 120_000,
      screen: options.screen,
      say,
    });
    const rollEndedAt = Date.now();
    const hostTurns = await stage.product.hostTurns();
    if (story.thief === "after the end") await this.thiefComesTooLate();
    await pause(options.afterwardsMs ?? story.afterwardsMs ?? 1_500);
    referee.stop();
    const endedAt = Date.now();
    const keys = this.attacker?.report() ?? [];
    const epilogue = await this.playEpilogue(rollId);
    const { roll, stated } = watchedRoll;
    return {
      rollId,
      roll,
      hostTurns,
      totalMs: rollEndedAt - orderedAt,
      evidence: {
        rolled: cast.rolled.map(asRolled),
        bystanders: cast.bystanders,
        ghosts: (cast.ghosts ?? []).map(({ leaf, erased = false, ...names }) => ({
          ...{ ...names, erased },
          thumbprint: leaf.sha256Thumbprint,
        })),
        oldAuthorities: (cast.oldAuthorities ?? []).map(({ sha256Thumbprint }) => sha256Thumbprint),
        orderedAt,
        rollEndedAt,
        endedAt,
        roll: roll === undefined ? undefined : asStated(roll),
        stated,
        knocks: referee.knocks,
        keys,
        bystandersBefore,
        bystandersAfter: fingerprints(stage.services, cast.bystanders),
        writes: referee.writes.filter(({ at }) => at >= orderedAt),
        slotsHeld: referee.slotsHeld,
        orders: ordersOf(fleet),
        shutOuts: referee.shutOuts,
        dangling: referee.dangling,
        cuts: referee.cuts,
        trustAtEnd: allTrust(stage.services).filter(belongsTo(story, cast)),
        commands: this.commands,
        earlierRollId,
        epilogue,
        rehearsal,
        plan: await stage.product.plan(rollId),
        canary: story.canary ?? 0,
        actedTwice: actedTwice(fleet),
        repeated: { status: again.status, sameRoll: again.rollId === rollId },
      },
    };
  }

  private async playPrelude(prelude: NonNullable<Story["prelude"]>): Promise<string> {
    const { cast, world, say } = this.company;
    const { product } = this.stage;
    const { rollId } = accepted(await this.post(prelude.ask(cast, world), randomUUID()));
    say(`an earlier roll is ordered; ${product.statusUrl(rollId)}`);
    const isUnderWay = async (): Promise<boolean> => {
      const [roll, devices] = await Promise.all([product.roll(rollId), product.devices(rollId)]);
      return prelude.isUnderWay(roll, new Map(devices.map((device) => [device.registrationId, device])));
    };
    await until(isUnderWay, "The earlier roll did not come far enough.");
    return rollId;
  }

  private async playEpilogue(rollId: string): Promise<Evidence["epilogue"]> {
    if (this.story.epilogue === undefined) return undefined;
    await this.attacker?.stop();
    return this.story.epilogue(this.scene(rollId));
  }

  /** Before the alert every stolen key opens DPS, and the hub too; otherwise a refusal later would show nothing. */
  private async thiefArrives(): Promise<void> {
    const { cast, say } = this.company;
    const keys = cast.stolen ?? [];
    const attacker = this.attack(keys);
    const shy = new Set(keys.flatMap((key) => (key.shunsDps === true ? [key.registrationId] : [])));
    const works = (): boolean =>
      attacker
        .report()
        .every(({ registrationId, dps, hub }) => (dps.accepted > 0 || shy.has(registrationId)) && hub.accepted > 0);
    await until(works, "Not every stolen key works before the alert: the lab is not set up right.");
    const held = keys.filter(({ hold }) => hold === true).length;
    const holds = (): boolean => attacker.report().filter(({ holding }) => holding).length >= held;
    await until(holds, "The thief could not keep the sessions that he was to keep.");
    say(`a thief has ${keys.length} keys, every one works, and ${held} sessions are his`);
  }

  /** Once nobody needs the old keys, somebody finds them. */
  private async thiefComesTooLate(): Promise<void> {
    const { cast, say } = this.company;
    const keys = cast.stolen ?? stolenFrom(cast.rolled.filter(({ leftOut }) => leftOut === undefined));
    const attacker = this.attack(keys);
    const tried = (): boolean => attacker.report().every(({ dps, hub }) => dps.tries > 0 && hub.tries > 0);
    await until(tried, "The old keys could not be tried.");
    say(`${keys.length} old keys were tried at every door`);
  }

  private attack(keys: NonNullable<Cast["stolen"]>): Attacker {
    const { dial, dps } = this.stage.services;
    const attacker = startAttacker({ dial, idScope: dps.idScope, keys, timing: this.story.attack ?? {} });
    this.attacker = attacker;
    this.company.cleanup.push(() => attacker.stop());
    return attacker;
  }

  private async rehearse(referee: Referee): Promise<NonNullable<Evidence["rehearsal"]>> {
    const { story, stage } = this;
    const { cast, world, say } = this.company;
    const ask = story.ask(cast, world);
    if ("alert" in ask) throw new Error("Only an order can be rehearsed.");
    const { rollId } = accepted(await this.post({ order: { ...ask.order, dryRun: true } }, randomUUID()));
    const isPlanned = async (): Promise<boolean> => (await stage.product.roll(rollId)).phase === "finished";
    await until(isPlanned, "The dry run did not end.");
    say("the dry run is over");
    return { rollId, writes: [...referee.writes] };
  }

  private scene(rollId: string): Scene {
    const { cast, world, fleet } = this.company;
    const { product } = this.stage;
    return {
      cast,
      world,
      fleet,
      product,
      command: async (name, body) => {
        const planHash = name === "approve" ? (await product.plan(rollId))?.hash : undefined;
        const given = { note: `the story says ${name}`, ...(planHash === undefined ? {} : { planHash }), ...body };
        const { status, text } = await product.command(rollId, name, given);
        this.commands.push({ name, at: Date.now(), status });
        if (status >= 300) throw new Error(`${name} was answered ${status}: ${text}`);
      },
      ask: async (ask) => accepted(await this.post(ask, randomUUID())).rollId,
    };
  }

  private post(ask: Ask, key: string): Promise<AlertAnswer> {
    const { product } = this.stage;
    return "alert" in ask
      ? product.postAlert(JSON.stringify(ask.alert))
      : product.postOrder(JSON.stringify(ask.order), key);
  }
}

function accepted(answer: AlertAnswer): { readonly rollId: string } {
  const { rollId, status, problem } = answer;
  if (rollId === undefined) throw new Error(`The product answered ${status}: ${problem ?? ""}`);
  return { rollId };
}

/** Claims that ask whether DPS would let a device in at any moment. */
function isAboutDoorsThatStayOpen(name: Story["claims"][number]): boolean {
  return name === "dps-kept-accepting" || name === "left-out-keep-their-trust";
}

function asRolled({ registrationId, deviceId, active, alsoOld, next, leftOut }: Player): RolledDevice {
  const old = [active, ...(alsoOld ?? [])];
  return {
    registrationId,
    deviceId,
    oldThumbprints: old.map(({ sha256Thumbprint }) => sha256Thumbprint),
    oldNotAfter: Math.min(...old.map(({ notAfter }) => notAfter.getTime())),
    ...(next === undefined ? {} : { newThumbprint: next.sha256Thumbprint }),
    ...(leftOut === undefined ? {} : { leftOut }),
  };
}

function asStated({ phase, outcome, containedAt }: RollStatus): NonNullable<Evidence["roll"]> {
  return {
    phase,
    ...(outcome === undefined ? {} : { outcome }),
    ...(containedAt === undefined ? {} : { containedAt: Date.parse(containedAt) }),
  };
}

/** On a stage that several stories share, what an earlier one left is not held against this one. */
function belongsTo(story: Story, cast: Cast): (trust: Evidence["trustAtEnd"][number]) => boolean {
  const devices = new Set([...cast.rolled, ...cast.bystanders].flatMap((p) => [p.registrationId, p.deviceId]));
  return ({ owner }) => owner.startsWith(story.name) || devices.has(owner);
}

function ordersOf(fleet: Fleet): Evidence["orders"] {
  return fleet.devices.flatMap((device) =>
    device.attempts().map(({ kind, rollId, acceptedAt }) => ({
      registrationId: device.registrationId,
      kind,
      rollId,
      at: acceptedAt,
    })),
  );
}

function actedTwice(fleet: Fleet): string[] {
  return fleet.devices.flatMap((device) =>
    device
      .attempts()
      .filter(({ acts }) => acts > 1)
      .map(({ rollId, attemptId }) => `Attempt ${attemptId} of roll ${rollId} at ${device.registrationId}`),
  );
}

/** Looks until it is so. Rejects with the complaint when patience runs out; by default after a minute. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  complaint: string,
  patienceMs = 60_000,
): Promise<void> {
  const giveUpAt = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error(complaint);
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
