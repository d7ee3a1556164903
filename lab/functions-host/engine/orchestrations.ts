import { FunctionTimeout, triggerOf, WorkerLost } from "../function-app";
import { messageOf, tryParse } from "../json";
import type { InvocationAnswer } from "../worker/protocol";
import { type OrchestratorAnswer, readAnswer, readFailure, UnsupportedAction } from "./actions";
import { type EngineContext, timeText } from "./engine-context";
import { trapIn, trapInMessage } from "./guards";
import { EventType, type HistoryEvent, isFinal, stamp } from "./history";
import { type CachedInstance, InstanceCache } from "./instance-cache";
import { maskCredentials } from "./mask-credentials";
import type { ReplayOutcome } from "./replay";
import { replay } from "./replay";
import type { InboxMessage } from "./rows";
import type { ShimSettings } from "./shim";
import { buildCommit, type Turn } from "./turn-commit";
import { turnPayload } from "./turn-payload";

/** Runs the turns of orchestrations: messages in, one invocation of the function, one transaction out. */
export class OrchestrationTurns {
  private readonly cache: InstanceCache;

  constructor(
    private readonly context: EngineContext,
    private readonly isStopped: () => boolean,
  ) {
    this.cache = new InstanceCache(context.store);
  }

  /** Call after anything but a turn has changed an instance. */
  forget(instanceId: string): void {
    this.cache.forget(instanceId);
  }

  /** Takes what waits for the instance and runs one turn over it; nothing waiting: nothing happens. */
  async turn(instanceId: string): Promise<void> {
    const { store, settings, clock } = this.context;
    const batch = store.inbox(instanceId, settings.messagesPerTurn, clock.now());
    if (batch.length === 0) return;
    const cached = this.load(instanceId, batch);
    const messages = cached === undefined ? [] : deliverable(cached, batch);
    if (cached === undefined || messages.length === 0) {
      store.drop(batch.map(({ id }) => id));
      if (batch.length === settings.messagesPerTurn) this.context.wake([instanceId]);
      return;
    }
    const now = clock.now();
    const started: HistoryEvent = stamp(EventType.OrchestratorStarted, timeText(clock));
    const fresh = [started, ...messages];
    const outcome = await this.decide(cached, fresh, now);
    if (outcome === undefined || this.isStopped()) return;
    const turn: Turn = { cached, fresh, consumed: batch.map(({ id }) => id), ...outcome };
    const { commit, next } = buildCommit(this.context, turn);
    if (commit.restarted || isFinal(commit.instance.status)) this.cache.forget(instanceId);
    else this.cache.keep(instanceId, next);
    const activities = store.commitTurn(commit);
    this.context.run(activities);
    for (const timer of commit.timers) this.context.alarm(timer.due);
    // Whoever posts a message wakes its target; only what this turn left lying needs another look.
    const more = commit.restarted || batch.length === settings.messagesPerTurn;
    this.context.wake([
      ...(more ? [instanceId] : []),
      ...commit.starts.map((start) => start.instanceId),
      ...commit.messages.map((message) => message.instanceId),
    ]);
  }

  /** A start message means a new execution: what is in memory belongs to the one before. */
  private load(instanceId: string, batch: readonly InboxMessage[]): CachedInstance | undefined {
    if (batch.some(({ event }) => event.EventType === EventType.ExecutionStarted)) this.cache.forget(instanceId);
    return this.cache.load(instanceId);
  }

  /** Undefined: the app's process ended; the messages are still there and the turn runs again. */
  private async decide(
    cached: CachedInstance,
    fresh: readonly HistoryEvent[],
    now: number,
  ): Promise<{ answer: OrchestratorAnswer; outcome: ReplayOutcome } | undefined> {
    const { instance } = cached;
    const terminated = fresh.find((event) => event.EventType === EventType.ExecutionTerminated);
    if (terminated !== undefined) {
      // The function need not run, and may not be able to: a terminated instance schedules nothing.
      return ended({ kind: "terminated", reason: terminated.Input ?? "" });
    }
    const refuse = (reason: string): { answer: OrchestratorAnswer; outcome: ReplayOutcome } =>
      ended({ kind: "failed", reason, details: reason });
    const missing = this.missing("orchestrator", instance.name);
    if (missing !== undefined) return refuse(missing);
    const { guards } = this.context;
    const trap = guards.strict ? fresh.map(trapInMessage).find((found) => found !== undefined) : undefined;
    if (trap !== undefined) return refuse(trap);
    let raw: InvocationAnswer;
    try {
      raw = await this.invoke(cached, fresh);
    } catch (error) {
      if (error instanceof FunctionTimeout) return refuse(messageOf(error));
      if (!(error instanceof WorkerLost)) throw error;
      this.context.clock.after(100, () => this.context.wake([instance.instanceId]));
      return undefined;
    }
    try {
      const answer = this.read(instance.name, raw);
      const found = guards.strict ? trapIn(answer, raw, now, this.context.settings) : undefined;
      if (found !== undefined) return refuse(found);
      return { answer, ...this.replay(cached, fresh, answer) };
    } catch (error) {
      if (error instanceof UnsupportedAction) return refuse(error.message);
      throw error;
    }
  }

  private replay(
    cached: CachedInstance,
    fresh: readonly HistoryEvent[],
    answer: OrchestratorAnswer,
  ): { outcome: ReplayOutcome } {
    const { instance } = cached;
    const problems: string[] = [];
    const { settings } = this.context;
    const shim: ShimSettings = {
      ...settings,
      missing: (kind, name) => this.missing(kind, name),
      swallowed: (problem) => void problems.push(problem),
    };
    const outcome = replay(instance.name, instance, [...cached.events, ...fresh], answer, shim);
    const problem = problems[0];
    if (problem === undefined || !this.context.guards.strict) return { outcome };
    return ended({
      kind: "failed",
      reason: `Orchestrator function '${instance.name}' failed: ${problem}`,
      details: problem,
    });
  }

  private async invoke(cached: CachedInstance, fresh: readonly HistoryEvent[]): Promise<InvocationAnswer> {
    const { instance, text } = cached;
    const fn = this.context.app.functions.get(instance.name.toLowerCase());
    const payload = turnPayload(this.context, instance, text, fresh);
    return await this.context.app.invoke({
      functionName: instance.name,
      inputs: [{ name: (fn === undefined ? undefined : triggerOf(fn)?.name) ?? "context", data: { string: payload } }],
      twice: this.context.guards.probe,
    });
  }

  private read(name: string, raw: InvocationAnswer): OrchestratorAnswer {
    if (raw.ok) return readAnswer(tryParse(raw.returnValue?.json ?? raw.returnValue?.string ?? "null"));
    const carried = readFailure(this.context.guards.strict ? raw.message : maskCredentials(raw.message));
    if (carried !== undefined) return carried;
    this.context.log("error", `Orchestrator ${name} failed outside of its code: ${raw.message}`);
    return { isDone: false, actions: [], error: maskCredentials(raw.message) };
  }

  private missing(kind: "activity" | "orchestrator" | "entity", name: string): string | undefined {
    const trigger = `${kind === "orchestrator" ? "orchestration" : kind}trigger`;
    if (kind === "activity" && name.startsWith("BuiltIn::")) return undefined;
    const fn = this.context.app.functions.get(name.toLowerCase());
    if (fn !== undefined && triggerOf(fn)?.binding.type.toLowerCase() === trigger) return undefined;
    const what = kind === "orchestrator" ? "an orchestrator" : `an ${kind}`;
    return `The function '${name}' doesn't exist, is disabled, or is not ${what} function.`;
  }
}

/** Messages for this execution; others belong to one that is over. */
function deliverable(cached: CachedInstance, batch: readonly InboxMessage[]): HistoryEvent[] {
  const { instance, events } = cached;
  if (isFinal(instance.status)) return [];
  let running = events.length > 0;
  return batch.flatMap(({ executionId, event }) => {
    if (executionId !== null && executionId !== instance.executionId) return [];
    if (event.EventType === EventType.ExecutionStarted) {
      if (running) return [];
      running = true;
    }
    return running ? [event] : [];
  });
}

function ended(completion: NonNullable<ReplayOutcome["completion"]>): {
  answer: OrchestratorAnswer;
  outcome: ReplayOutcome;
} {
  return {
    answer: { isDone: true, actions: [] },
    outcome: { scheduled: [], completion, suspended: false, stuck: false, lostEvents: [] },
  };
}
