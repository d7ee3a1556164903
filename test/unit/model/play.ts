import type { OrchestrationContext, OrchestrationHandler } from "durable-functions";
import type { ActivityReply } from "../../../shared/contract/activity";
import type { Clock } from "../../../shared/ports/clock";
import { VERSION } from "../../support/replay";

/** An activity that an orchestrator waits for, or that its host may deliver once more. */
export interface Activity {
  readonly name: string;
  readonly input: unknown;
  /** Absent once nobody waits for the answer: the orchestration was given up, or has the answer already. */
  task?: Task;
}

/** Something an orchestrator has asked for; a compound of them when it asked for all at once. */
type Task = { readonly kind: "leaf"; answer?: { readonly value: unknown } } | { readonly kind: "all"; parts: Task[] };

interface Timer {
  readonly at: number;
  readonly task: Task & { kind: "leaf" };
  readonly root: Root;
}

/** An orchestration that was started from outside, with all its children. */
export interface Root {
  readonly name: string;
  readonly input: unknown;
  ended: boolean;
  /** Why it failed: an outage that outlasted all tries. It is for the sweeper to start it again. */
  failure?: unknown;
}

interface Instance {
  readonly root: Root;
  readonly name: string;
  /** What the parent waits on; absent for the root itself. */
  readonly asked?: Task & { kind: "leaf" };
  body: Generator<unknown, unknown, unknown>;
  waitsFor?: Task | undefined;
  next?: { readonly input: unknown };
}

/**
 * Runs the real orchestrators without a host, and without replays: what they wait for lies in the open, and whoever drives
 * the play says which activity answers next. Time is the clock's: a timer fires once the clock has come so far.
 */
export class Play {
  /** In the order in which they were asked for. */
  activities: (Activity & { readonly root: Root })[] = [];
  private timers: Timer[] = [];
  private instances: Instance[] = [];

  constructor(
    private readonly orchestrators: Readonly<Record<string, OrchestrationHandler>>,
    private readonly clock: Clock,
  ) {}

  start(name: string, input: unknown): Root {
    const root: Root = { name, input, ended: false };
    this.begin(root, name, input);
    this.pump();
    return root;
  }

  /** The orchestration vanishes. What it had asked for may still be delivered, but nobody waits for the answers. */
  giveUp(root: Root): void {
    root.ended = true;
    this.instances = this.instances.filter((instance) => instance.root !== root);
    this.timers = this.timers.filter((timer) => timer.root !== root);
    for (const activity of this.activities) if (activity.root === root) delete activity.task;
  }

  /** Takes an activity off the list with its answer; the orchestrators go on as far as they can. */
  answer(activity: Activity & { readonly root: Root }, reply: ActivityReply): void {
    this.activities = this.activities.filter((one) => one !== activity);
    const { task } = activity;
    if (task?.kind === "leaf") task.answer ??= { value: reply };
    this.pump();
  }

  /** When the earliest timer fires; undefined: nobody waits for time. */
  get nextTimer(): number | undefined {
    return this.timers.length === 0 ? undefined : Math.min(...this.timers.map(({ at }) => at));
  }

  /** Fires the timers whose time has come. */
  fireTimers(): void {
    const due = this.timers.filter(({ at }) => at <= this.clock.now());
    if (due.length === 0) return;
    this.timers = this.timers.filter((timer) => !due.includes(timer));
    for (const { task } of due) task.answer = { value: undefined };
    this.pump();
  }

  private begin(root: Root, name: string, input: unknown, asked?: Instance["asked"]): void {
    const handler = this.orchestrators[name];
    if (handler === undefined) throw new Error(`no orchestrator is called ${name}`);
    const instance: Instance = { root, name, ...(asked === undefined ? {} : { asked }), body: NOTHING };
    instance.body = this.bodyOf(instance, handler, input);
    instance.waitsFor = { kind: "all", parts: [] };
    this.instances.push(instance);
  }

  private pump(): void {
    for (;;) {
      const ready = this.instances.find(({ waitsFor }) => waitsFor !== undefined && isAnswered(waitsFor));
      if (ready === undefined) return;
      try {
        this.resume(ready);
      } catch (error) {
        // As in Durable: a child that fails fails its parent.
        this.giveUp(ready.root);
        ready.root.failure = error;
      }
    }
  }

  private resume(instance: Instance): void {
    const { waitsFor } = instance;
    instance.waitsFor = undefined;
    const turn = instance.body.next(waitsFor === undefined ? undefined : valueOf(waitsFor));
    if (turn.done !== true) {
      instance.waitsFor = turn.value as Task;
      return;
    }
    this.instances = this.instances.filter((one) => one !== instance);
    const { root, name, asked, next } = instance;
    if (next !== undefined) this.begin(root, name, next.input, asked);
    else if (asked === undefined) root.ended = true;
    else asked.answer = { value: throughJson(turn.value) };
  }

  /** The part of the SDK's context that orchestrations/durable.ts touches, and nothing else of it. */
  private bodyOf(instance: Instance, handler: OrchestrationHandler, input: unknown): Instance["body"] {
    const { root } = instance;
    const { clock } = this;
    const df = {
      version: VERSION,
      get currentUtcDateTime() {
        return new Date(clock.now());
      },
      getInput: () => throughJson(input),
      continueAsNew: (next: unknown) => {
        instance.next = { input: next };
      },
      callActivity: (name: string, given: unknown): Task => {
        const task: Task = { kind: "leaf" };
        this.activities.push({ name, input: throughJson(given), task, root });
        return task;
      },
      callSubOrchestrator: (name: string, given: unknown): Task => {
        const task = { kind: "leaf" } as const;
        this.begin(root, name, given, task);
        return task;
      },
      createTimer: (at: Date): Task => {
        const task = { kind: "leaf" } as const;
        this.timers.push({ at: at.getTime(), task, root });
        return task;
      },
      Task: { all: (parts: Task[]): Task => ({ kind: "all", parts }) },
    };
    return handler({ df } as unknown as OrchestrationContext);
  }
}

const NOTHING: Instance["body"] = (function* () {})();

function isAnswered(task: Task): boolean {
  return task.kind === "all" ? task.parts.every(isAnswered) : task.answer !== undefined;
}

function valueOf(task: Task): unknown {
  return task.kind === "all" ? task.parts.map(valueOf) : task.answer?.value;
}

/** As it crosses the border to the host. */
function throughJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
