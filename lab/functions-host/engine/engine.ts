import type { LabClock } from "../../clock";
import type { FunctionApp } from "../function-app";
import type { DurableJson } from "../host-json";
import { messageOf } from "../json";
import { ActivityDispatcher } from "./activities";
import { Alarm } from "./alarm";
import { OrchestrationClient } from "./client";
import {
  azureStorageLimits,
  type Disturbance,
  type DurableLimits,
  type EngineContext,
  type Guards,
  undisturbed,
} from "./engine-context";
import { EntityTurns } from "./entities";
import { OrchestrationTurns } from "./orchestrations";
import { RunQueue } from "./run-queue";
import type { CommitKind, Store } from "./store";

export interface EngineOptions {
  /** Open for this engine alone; `stop` does not close it. */
  readonly store: Store;
  readonly app: FunctionApp;
  readonly clock: LabClock;
  readonly durable: DurableJson;
  readonly guards: Guards;
  /** Default: that of the Azure Storage provider. */
  readonly limits?: Partial<DurableLimits>;
  /** Default: none. */
  readonly disturbance?: Disturbance;
  readonly log: (level: string, text: string) => void;
  /** Where crash tests end the host. */
  readonly hooks?: CrashHooks;
}

export interface CrashHooks {
  afterCommit?(kind: CommitKind): void;
  beforeStart?(): void;
  beforeActivityCommit?(): void;
}

const timersPerTransaction = 500;

/** The durable engine: everything it knows is in the store, so that it can be dropped and opened anew at any moment. */
export class Engine {
  readonly client: OrchestrationClient;
  private readonly context: EngineContext;
  private readonly turns: OrchestrationTurns;
  private readonly queue: RunQueue;
  private readonly activities: ActivityDispatcher;
  private readonly alarm: Alarm;
  private readonly cancels = new Set<() => void>();
  private stopped = false;

  constructor(private readonly options: EngineOptions) {
    const { store, app, clock, log, guards } = options;
    const settings = { ...azureStorageLimits, ...options.durable, ...options.limits };
    this.context = {
      ...{ store, app, clock, settings, guards, log },
      disturbance: options.disturbance ?? undisturbed,
      wake: (ids) => this.wake(ids),
      run: (rows) => this.activities.add(rows),
      alarm: (due) => this.alarm.set(due),
      changed: () => this.onChange(),
    };
    this.turns = new OrchestrationTurns(this.context, () => this.stopped);
    const entities = new EntityTurns(this.context, () => this.stopped);
    this.queue = new RunQueue(settings.maxConcurrentOrchestrators, (id) => this.turn(entities, id));
    this.activities = new ActivityDispatcher(this.context, () => options.hooks?.beforeActivityCommit?.());
    this.alarm = new Alarm(clock, () => this.ring());
    this.client = new OrchestrationClient(
      this.context,
      (id) => this.turns.forget(id),
      () => options.hooks?.beforeStart?.(),
    );
  }

  /** Called whenever work begins or ends; a virtual clock watches it. */
  onChange: () => void = () => undefined;

  /** Takes up all work the store knows of. */
  start(): void {
    const { store, hooks, clock } = this.options;
    store.onCommit = (kind) => hooks?.afterCommit?.(kind);
    store.onHidden = (id, visibleAt) => this.wakeAt(id, visibleAt);
    this.activities.add(store.unfinishedActivities());
    for (const { instanceId, visibleAt } of store.waiting()) {
      if (visibleAt > clock.now()) this.wakeAt(instanceId, visibleAt);
      else this.queue.add(instanceId);
    }
    const due = store.nextTimer();
    if (due !== undefined) this.alarm.set(due);
  }

  /** True when nothing runs and nothing could: only time or a message from outside can change anything. */
  get isIdle(): boolean {
    return this.queue.isIdle && this.activities.isIdle;
  }

  /** Begins nothing more and stores nothing more; what runs in the app is left to it. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.activities.stop();
    this.alarm.stop();
    for (const cancel of this.cancels) cancel();
    await this.queue.stop();
  }

  private async turn(entities: EntityTurns, id: string): Promise<void> {
    try {
      await (id.startsWith("@") ? entities.turn(id) : this.turns.turn(id));
    } catch (error) {
      if (this.stopped) return;
      this.context.log("error", `The turn of ${id} failed and is tried again: ${messageOf(error)}`);
      this.turns.forget(id);
      this.wakeAt(id, this.options.clock.now() + 1000);
    } finally {
      // After the queue has taken note that the turn is over.
      setImmediate(() => this.onChange());
    }
  }

  private wake(ids: readonly string[]): void {
    if (this.stopped) return;
    for (const id of ids) this.queue.add(id);
  }

  private wakeAt(id: string, time: number): void {
    const { clock } = this.options;
    const cancel = clock.after(Math.max(0, time - clock.now()), () => {
      this.cancels.delete(cancel);
      // A timer may run a moment early, and what is not visible yet would be missed for ever.
      if (clock.now() < time) this.wakeAt(id, time);
      else this.wake([id]);
    });
    this.cancels.add(cancel);
  }

  private ring(): number | undefined {
    if (this.stopped) return undefined;
    this.wake(this.options.store.fireTimers(this.options.clock.now(), timersPerTransaction));
    return this.options.store.nextTimer();
  }
}
