import type { EventRaised, FailureDetails } from "./history";
import { Task } from "./task";

/** Work an orchestration has asked for and that no event of its history names yet. */
export type ScheduledAction =
  | { readonly kind: "activity"; readonly id: number; readonly name: string; readonly input: string }
  | { readonly kind: "timer"; readonly id: number; readonly fireAt: number }
  | {
      readonly kind: "child";
      readonly id: number;
      readonly name: string;
      readonly version: string;
      readonly instanceId: string;
      readonly input: string | null;
    }
  | {
      readonly kind: "send";
      readonly id: number;
      readonly target: string;
      readonly name: string;
      readonly input: string | null;
    };

/** History and code disagree: the instance fails, as with DurableTask.Core. */
export class NonDeterminismError extends Error {
  override readonly name = "NonDeterminismError";
  constructor(detail: string) {
    super(
      `Non-Deterministic workflow detected: ${detail} Orchestrator code must take the same path on every replay; ` +
        "a change of code with instances in flight has the same effect.",
    );
  }
}

/** A failed activity or child as the orchestration sees it. */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
  constructor(
    reason: string,
    readonly failureDetails?: FailureDetails,
  ) {
    super(reason);
  }
}

/**
 * Ids, open tasks and waiting actions of one replay (`TaskOrchestrationContext` of DurableTask.Core). Every scheduled
 * thing takes the next id at the moment the action list is executed, whatever number the worker gave it.
 */
export class ReplayContext {
  /** Milliseconds since the epoch, from the last OrchestratorStarted event. */
  now = 0;
  private nextId = 0;
  private actions = new Map<number, ScheduledAction>();
  private parked = new Map<number, ScheduledAction>();
  private readonly openTasks = new Map<number, Task<string | null>>();
  private readonly waiters = new Map<string, Task<string | null>[]>();
  private readonly buffered = new Map<string, EventRaised[]>();
  readonly carryOver: EventRaised[] = [];
  continueAsNew: { readonly input: unknown } | undefined;

  constructor(
    readonly instanceId: string,
    readonly executionId: string,
  ) {}

  get hasOpenTasks(): boolean {
    return this.openTasks.size > 0;
  }

  /** Takes the next id and opens a task under it; the action waits for its event in the history. */
  schedule(action: (id: number) => ScheduledAction): { readonly id: number; readonly task: Task<string | null> } {
    const id = this.nextId++;
    this.actions.set(id, action(id));
    const task = new Task<string | null>();
    this.openTasks.set(id, task);
    return { id, task };
  }

  /** Takes the next id for a message that nothing waits for. */
  send(target: string, name: string, input: string | null): void {
    const id = this.nextId++;
    this.actions.set(id, { kind: "send", id, target, name, input });
  }

  /** The id the next scheduled action will get. */
  peekId(): number {
    return this.nextId;
  }

  /** A cancelled timer stays scheduled but holds nothing open any more. */
  cancel(id: number): void {
    const task = this.openTasks.get(id);
    this.openTasks.delete(id);
    task?.fail(new Error("The timer was cancelled."));
  }

  /** Matches a scheduling event of the history with the action that must have caused it. */
  confirm(kind: ScheduledAction["kind"], id: number, name: string | undefined): void {
    const action = this.actions.get(id) ?? this.parked.get(id);
    if (action === undefined) {
      throw new NonDeterminismError(
        `the history has the ${words[kind]} ${describe(id, name)}, but the orchestrator asks for nothing with this id.`,
      );
    }
    const actual = action.kind === "activity" || action.kind === "child" ? action.name : undefined;
    if (action.kind !== kind || (name !== undefined && actual?.toLowerCase() !== name.toLowerCase())) {
      throw new NonDeterminismError(
        `the history has the ${words[kind]} ${describe(id, name)}, the orchestrator asks for the ` +
          `${words[action.kind]} ${describe(id, actual)}.`,
      );
    }
    this.actions.delete(id);
    this.parked.delete(id);
  }

  /** Settles an open task; an unknown id is a duplicate and changes nothing. */
  settle(id: number, outcome: { readonly value: string | null } | { readonly error: Error }): void {
    const task = this.openTasks.get(id);
    if (task === undefined) return;
    this.openTasks.delete(id);
    if ("error" in outcome) task.fail(outcome.error);
    else task.complete(outcome.value);
  }

  /** Names are compared without case; the newest waiter is served first, early events in order of arrival. */
  waitForEvent(name: string): Task<string | null> {
    const key = name.toLowerCase();
    const task = new Task<string | null>();
    const early = this.buffered.get(key)?.shift();
    if (early !== undefined) task.complete(early.Input);
    else this.waiters.set(key, [...(this.waiters.get(key) ?? []), task]);
    return task;
  }

  raise(event: EventRaised): void {
    if (this.continueAsNew !== undefined) {
      this.carryOver.push(event);
      return;
    }
    const key = event.Name.toLowerCase();
    const waiter = this.waiters.get(key)?.pop();
    if (waiter === undefined) this.buffered.set(key, [...(this.buffered.get(key) ?? []), event]);
    else waiter.complete(event.Input);
  }

  /** Events that arrived and that nothing has waited for: lost when the orchestration continues as new. */
  unclaimedEvents(): EventRaised[] {
    return [...this.buffered.values()].flat();
  }

  /** True while something waits for an event of this name in whatever case. */
  get isWaitingForEvents(): boolean {
    return [...this.waiters.values()].some((list) => list.length > 0);
  }

  park(): void {
    this.parked = this.actions;
    this.actions = new Map();
  }

  unpark(): void {
    for (const [id, action] of this.parked) this.actions.set(id, action);
    this.parked.clear();
  }

  /** What is left to schedule, in id order. */
  remaining(): ScheduledAction[] {
    return [...this.actions.values()].sort((a, b) => a.id - b.id);
  }
}

const words: Record<ScheduledAction["kind"], string> = {
  activity: "activity",
  timer: "timer",
  child: "sub-orchestration",
  send: "message",
};

function describe(id: number, name: string | undefined): string {
  return name === undefined ? `number ${id}` : `"${name}" as number ${id}`;
}
