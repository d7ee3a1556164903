import { z } from "zod";
import type { ActivityReply } from "../../../shared/contract/activity";
import { recheckClosed } from "../../../shared/contract/due";
import * as contract from "../../../shared/contract/orchestrations";
import { retireDue } from "../../../shared/contract/reprovision";
import { RollId } from "../../../shared/domain/ids";
import { addMs } from "../../../shared/domain/instant";
import { control } from "../../../shared/domain/roll/control";
import type { Playbook } from "../../../shared/domain/roll/playbook";
import type { RollRequest } from "../../../shared/domain/roll/request";
import { createAndStart } from "../../../shared/use-cases/start-roll";
import { t0 } from "../../support/builders";
import { Bed } from "../steps/bed";
import { rollIdOf, ROLLS, type Fleet, type Ground, type RollName } from "./fleet";
import { Laws, type Standing } from "./laws";
import type { Root } from "./play";
import { depsOf, MoreStores, playOf, registered, type Activities } from "./product";
import { Truth } from "./truth";
import { Watch, type Run } from "./watch";

const HUBS = ["hub-1.azure-devices.net", "hub-2.azure-devices.net"];
const MINUTE = 60_000;

/** Begins something that goes on while a step runs; the answer ends it. */
export type Disturbance = (world: World) => () => void;

const NOTHING = (): void => undefined;

/** How a step is run. */
export type Way =
  | "once"
  /** Delivered twice, both at the same time. */
  | "twice"
  /** Killed between its external writes and its row write, then delivered again. */
  | "cut-off"
  /** Delivered once more, some time later. */
  | "again-later";

/** The app over services in memory, its orchestrators in the open, and everything that is watched about it. */
export class World implements Ground {
  readonly bed: Bed;
  readonly stores = new MoreStores();
  readonly truth: Truth;
  readonly watch: Watch;
  readonly laws: Laws;
  readonly devices: readonly string[];
  readonly roots = new Map<RollName, Root>();
  readonly play;
  readonly timing: RollRequest["timing"] = {
    ...{ pulseHoldMs: 200, settleMs: 500, pollMs: 10_000, recheckMs: 30_000, attemptMs: 10_000 },
    ...{ parkMs: 20_000, moveMs: 10_000, retryMs: [20_000, 40_000] },
    deadline: addMs(t0, 4 * MINUTE),
  };
  /** What was begun of due work. */
  private readonly due: Root[] = [];
  readonly trace: string[] = [];
  private readonly activities: Activities;
  private readonly unread = new Set<string>();
  /** As of the last step of each roll: nobody else writes its rows. */
  private readonly standings = new Map<RollId, Standing>();

  constructor(readonly fleet: Fleet) {
    this.bed = new Bed({ hubNames: HUBS.slice(0, fleet.hubs) });
    this.truth = new Truth(this.bed.azure);
    this.devices = fleet.devices;
    fleet.enroll(this);
    const named = new Map(ROLLS.map((name) => [rollIdOf(name), fleet.named(name)]));
    this.watch = new Watch(this, this.devices, (rollId) => named.get(rollId) ?? []);
    this.laws = new Laws(this.truth, this.watch, this.timing);
    const { enrollments, targetClaims } = this.bed.parts;
    this.activities = registered(
      depsOf(this.bed, this.stores, fleet.prover, {
        enrollments: this.watch.enrollments(enrollments),
        targetClaims: this.watch.claims(targetClaims),
      }),
    );
    this.play = playOf(this.bed.clock);
  }

  async startRoll(name: RollName): Promise<void> {
    if (this.roots.has(name)) return;
    this.bed.clock.pass(10);
    const rollId = rollIdOf(name);
    const request = this.fleet.order(name, this, this.timing);
    for (const device of this.devices) this.noteStolen(name, device);
    await this.bed.blobs.putRequest(rollId, request);
    await this.bed.rolls.open(rollId, request.requestedAt);
    const { rolls } = this.bed;
    const starter = {
      start: (playbook: Playbook) => {
        this.roots.set(name, this.play.start(orchestratorOf(playbook), { rollId }));
        return Promise.resolve();
      },
      status: () => Promise.resolve("running" as const),
      finish: () => Promise.resolve(),
    };
    await createAndStart({ rolls, control: this.stores.control }, starter, rollId, request);
  }

  private noteStolen(name: RollName, device: string): void {
    if (name !== "expiry") this.truth.steal(rollIdOf(name), device, this.fleet.stolen(name, device, this));
  }

  /** One activity of those that can run, by number; time goes on if only time can. Answers false where nothing is left. */
  async step(number: number, way: Way = "once", disturbance?: Disturbance): Promise<boolean> {
    this.play.fireTimers();
    if (this.play.activities.length === 0) {
      const next = this.play.nextTimer;
      if (next === undefined) return false;
      this.bed.clock.pass(Math.max(0, next - this.bed.clock.now()));
      this.play.fireTimers();
    }
    const activity = this.play.activities[number % Math.max(1, this.play.activities.length)];
    if (activity === undefined) return true;
    this.bed.clock.pass(5);
    const calm = disturbance?.(this) ?? NOTHING;
    const clean = disturbance === undefined && way !== "cut-off";
    const reply = await this.deliver(activity, way, clean).finally(calm);
    if (reply !== undefined) {
      this.play.answer(activity, reply);
      const { name, input, root } = activity;
      if (way === "again-later") this.play.activities.push({ name, input, root });
    }
    await this.judge();
    return true;
  }

  /** Undefined: it was killed, and lies there to be delivered again. */
  private async deliver(
    { name, input }: { readonly name: string; readonly input: unknown },
    way: Way,
    clean: boolean,
  ): Promise<ActivityReply | undefined> {
    this.bed.batches.killSettles = way === "cut-off" ? 1 : 0;
    try {
      const first = this.call(name, input, clean && way !== "twice");
      if (way === "twice") await Promise.allSettled([first, this.call(name, input, false)]);
      return await first;
    } catch (error) {
      if (error instanceof Error && error.message === "killed") return undefined;
      throw error;
    } finally {
      this.bed.batches.killSettles = 0;
    }
  }

  private async call(name: string, input: unknown, clean: boolean): Promise<ActivityReply> {
    const activity = this.activities.get(name);
    if (activity === undefined) throw new Error(`no activity is called ${name}`);
    const { rollId } = Input.parse(input);
    const run: Run = { activity: name, rollId, startedAt: this.truth.next(), fencedAt: 0, calls: 0 };
    const before = this.standings.get(rollId);
    this.trace.push(`${name} ${rollId.slice(-8, -7)}`);
    const reply = await this.watch.run.run(run, () => activity(input)).finally(() => this.standing(rollId));
    const after = this.standings.get(rollId);
    if (clean && reply.outcome === "done" && before !== undefined && after !== undefined)
      this.laws.afterStep(name, run.startedAt, before, after);
    return reply;
  }

  /** What holds at any time. */
  async judge(): Promise<void> {
    this.watch.look();
    this.unread.clear();
    for (const name of this.roots.keys())
      for (const device of this.devices) {
        const row = this.standings.get(rollIdOf(name))?.rows.find(({ registrationId }) => registrationId === device);
        if (await this.fleet.isUnread(name, device, row, this)) {
          this.unread.add(device);
          this.noteStolen(name, device);
        } else this.truth.learn(rollIdOf(name), device);
      }
    const standings = [...this.standings.values()];
    for (const standing of standings) this.laws.contained(standing);
    const rows = standings.flatMap((standing) => standing.rows);
    const begun = new Set(this.roots.keys());
    for (const device of this.devices) this.laws.reachable(device, this.fleet.mayBeOut(device, begun, this, rows));
    const [first] = this.watch.broken;
    if (first !== undefined) throw new Error(`${first}\n${this.trace.join("\n")}`);
  }

  /** A roll's rows as they are now. */
  async standing(rollId: RollId): Promise<Standing> {
    const standing = { rollId, rows: (await this.bed.batches.find(rollId, 0)) ?? [] };
    this.standings.set(rollId, standing);
    return standing;
  }

  async say(name: RollName, verb: "pause" | "resume" | "abort" | "retry"): Promise<void> {
    const rollId = rollIdOf(name);
    const roll = await this.bed.rolls.get(rollId);
    const { phase = "requested" } = roll ?? {};
    const command = { verb, commandId: `c${this.truth.next()}`, by: "operator", at: this.bed.clock.now() };
    await this.stores.control.change(rollId, (current) =>
      control(current, command, { phase, finished: phase === "finished" }),
    );
  }

  /** What is due by now begins. */
  async startDue(): Promise<void> {
    for (const { kind, key, rollId } of await this.bed.due.due(this.bed.clock.now(), 10)) {
      if (this.due.some(({ ended, input }) => !ended && Due.parse(input).key === key)) continue;
      if (kind === "recheck") this.due.push(this.play.start(recheckClosed.name, { rollId, key }));
      if (kind === "retire") this.due.push(this.play.start(retireDue.name, { rollId, key }));
    }
  }

  /** A breach of the device has begun, and nothing shows yet that its roll has read what it is about. */
  isUnread(device: string): boolean {
    return this.unread.has(device);
  }

  /** The host lost the orchestration; the sweeper starts it anew, with an empty history. */
  restart(name: RollName): void {
    const root = this.roots.get(name);
    if (root === undefined || (root.ended && root.failure === undefined)) return;
    this.play.giveUp(root);
    this.roots.set(name, this.play.start(root.name, root.input));
  }
}

function orchestratorOf(playbook: Playbook): string {
  switch (playbook) {
    case "individual-breach":
      return contract.individualBreach.name;
    case "individual-expiry":
      return contract.individualExpiry.name;
    case "group-breach":
      return contract.groupBreach.name;
    case "group-expiry":
      return contract.groupExpiry.name;
    default:
      return playbook satisfies never;
  }
}

const Due = z.looseObject({ key: z.string() });
const Input = z.looseObject({ rollId: RollId });
