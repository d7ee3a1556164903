import { FunctionTimeout, triggerOf, WorkerLost } from "../function-app";
import { messageOf } from "../json";
import type { InvocationAnswer, TypedData } from "../worker/protocol";
import { type EngineContext, arrival, timeText } from "./engine-context";
import { activityFailed, activityResult } from "./activity-values";
import { EventType, type HistoryEvent, stamp } from "./history";
import { callHttp } from "./http-activity";
import type { ActivityRow, OutgoingMessage } from "./rows";
import { httpActivity } from "./shim";

/** Runs activities at least once each: a row stays until its result is stored, whatever happens in between. */
export class ActivityDispatcher {
  private readonly queue: ActivityRow[] = [];
  private head = 0;
  private running = 0;
  private finished: { readonly row: ActivityRow; readonly message: OutgoingMessage }[] = [];
  private flushing = false;
  private stopped = false;

  constructor(
    private readonly context: EngineContext,
    /** Called after an activity ran and before its result is stored; crash tests end the host here. */
    private readonly beforeCommit: () => void,
  ) {}

  get isIdle(): boolean {
    return this.running === 0 && this.head === this.queue.length && this.finished.length === 0;
  }

  add(rows: readonly ActivityRow[]): void {
    for (const row of rows) {
      const delay = this.context.disturbance.messageDelayMs();
      const copies = this.context.disturbance.deliverTwice() ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (delay === 0) this.queue.push(row);
        else this.context.clock.after(delay, () => this.enqueue(row));
      }
    }
    this.pump();
  }

  stop(): void {
    this.stopped = true;
  }

  private enqueue(row: ActivityRow): void {
    this.queue.push(row);
    this.pump();
  }

  private pump(): void {
    while (!this.stopped && this.running < this.context.settings.maxConcurrentActivities) {
      const row = this.queue[this.head];
      if (row === undefined) break;
      this.head += 1;
      this.running += 1;
      void this.run(row).finally(() => {
        this.running -= 1;
        this.pump();
        this.context.changed();
      });
    }
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
  }

  private async run(row: ActivityRow): Promise<void> {
    const outcome = await this.execute(row);
    if (this.stopped || outcome === undefined) return;
    this.beforeCommit();
    const message = {
      instanceId: row.instanceId,
      executionId: row.executionId,
      event: outcome,
      visibleAt: arrival(this.context),
    };
    this.finished.push({ row, message });
    this.flushSoon();
  }

  /** Undefined: the process that ran it ended; it runs again. */
  private async execute(row: ActivityRow): Promise<HistoryEvent | undefined> {
    const at = (): string => timeText(this.context.clock);
    const failed = (reason: string): HistoryEvent => activityFailed(row, reason, at());
    try {
      if (row.name === httpActivity) {
        const result = await callHttp(row.input);
        return { ...stamp(EventType.TaskCompleted, at()), TaskScheduledId: row.taskId, Result: result };
      }
      const fn = this.context.app.functions.get(row.name.toLowerCase());
      const trigger = fn === undefined ? undefined : triggerOf(fn);
      if (fn === undefined || trigger === undefined || trigger.binding.type.toLowerCase() !== "activitytrigger") {
        return failed(`The function '${row.name}' doesn't exist, is disabled, or is not an activity function.`);
      }
      const data = activityArgument(row.input);
      const triggerMetadata = { InstanceId: { string: row.instanceId } };
      const answer = await this.context.app.invoke({
        functionName: fn.name,
        inputs: [{ name: trigger.name, data }],
        triggerMetadata,
      });
      return this.eventOf(row, answer, at());
    } catch (error) {
      if (error instanceof FunctionTimeout || row.name === httpActivity) return failed(messageOf(error));
      if (!(error instanceof WorkerLost)) this.context.log("error", `Activity ${row.name}: ${messageOf(error)}`);
      if (!this.stopped) this.context.clock.after(100, () => this.enqueue(row));
      return undefined;
    }
  }

  private eventOf(row: ActivityRow, answer: InvocationAnswer, at: string): HistoryEvent {
    if (!answer.ok) return activityFailed(row, answer.message, at);
    const result = activityResult(answer.returnValue);
    const limit = this.context.disturbance.maxPayloadBytes;
    if (limit !== undefined && result !== null && Buffer.byteLength(result) > limit) {
      return activityFailed(row, `its result is ${Buffer.byteLength(result)} bytes, over the limit of ${limit}`, at);
    }
    return { ...stamp(EventType.TaskCompleted, at), TaskScheduledId: row.taskId, Result: result };
  }

  /** Results that come together share a transaction. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      if (this.stopped) return;
      const finished = this.finished;
      this.finished = [];
      this.context.store.finishActivities(finished);
      this.context.wake(finished.map(({ row }) => row.instanceId));
    });
  }
}

/**
 * The one argument of an activity as the extension binds it to text: text stays, numbers and objects become their
 * JSON, booleans the words .NET writes, null and undefined nothing.
 */
export function activityArgument(input: string): TypedData {
  const parsed: unknown = JSON.parse(input);
  const value: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  if (value === null || value === undefined) return {};
  if (typeof value === "string") return { string: value };
  if (typeof value === "boolean") return { string: value ? "True" : "False" };
  return { string: JSON.stringify(value) };
}
