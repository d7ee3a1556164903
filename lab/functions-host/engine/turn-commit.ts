import { randomUUID } from "node:crypto";
import type { OrchestratorAnswer } from "./actions";
import { arrival, type EngineContext, timeText } from "./engine-context";
import { customStatusTooLong, idleForEver } from "./guards";
import { EventType, type HistoryEvent, stamp, Status } from "./history";
import type { CachedInstance } from "./instance-cache";
import type { Completion, ReplayOutcome } from "./replay";
import type { ScheduledAction } from "./replay-context";
import { type Instance, type OutgoingMessage, Rank, type StartRequest, type TurnCommit } from "./rows";
import { startedEvent } from "./store";
import { played } from "./turn-payload";

export interface Turn {
  readonly cached: CachedInstance;
  /** OrchestratorStarted and the messages of this turn. */
  readonly fresh: readonly HistoryEvent[];
  readonly consumed: readonly number[];
  readonly answer: OrchestratorAnswer;
  readonly outcome: ReplayOutcome;
}

/** An id as DurableTask makes them: hexadecimal without dashes. */
export function newExecutionId(): string {
  return randomUUID().replaceAll("-", "");
}

/** Turns what a turn decided into rows, and into what memory keeps of the instance. */
export function buildCommit(context: EngineContext, turn: Turn): { commit: TurnCommit; next: CachedInstance } {
  const { instance, events } = turn.cached;
  const at = timeText(context.clock);
  const customStatus = statusText(turn.answer.customStatus) ?? instance.customStatus;
  const completion = judge(context, turn, customStatus);
  const scheduled =
    completion?.kind === "failed" && completion !== turn.outcome.completion ? [] : turn.outcome.scheduled;
  const written: HistoryEvent[] = [...turn.fresh, ...scheduled.map((action) => scheduledEvent(action, at))];
  const now = context.clock.now();
  const base = { ...instance, updated: now, customStatus };
  const empty = { consumed: turn.consumed, activities: [], timers: [], starts: [], messages: [] };

  if (completion?.kind === "continued") {
    const executionId = newExecutionId();
    const next: Instance = { ...base, executionId, input: completion.input, status: Status.Running };
    const begin = { event: { ...startedEvent({ ...next, at: now }) }, rank: Rank.Start };
    const carried = completion.carryOver.map((event) => ({
      event: { ...event, IsPlayed: false },
      rank: Rank.CarriedOver,
    }));
    const messages = [begin, ...carried].map((message) => ({
      ...message,
      instanceId: instance.instanceId,
      executionId,
    }));
    const out = outgoing(context, instance, scheduled);
    return {
      commit: {
        ...empty,
        ...out,
        messages: [...messages, ...out.messages],
        instance: next,
        from: 0,
        events: [],
        restarted: true,
      },
      next: { instance: next, events: [], text: "" },
    };
  }
  if (completion !== undefined) written.push(completedEvent(completion, at));
  written.push(stamp(EventType.OrchestratorCompleted, at));
  const next: Instance = {
    ...base,
    status:
      completion === undefined ? (turn.outcome.suspended ? Status.Suspended : Status.Running) : statusAfter(completion),
    output: completion === undefined ? base.output : outputOf(completion),
    completed: completion === undefined ? null : now,
  };
  const stored = written.map(played);
  const texts = stored.map((event) => JSON.stringify(event));
  const out = outgoing(context, instance, scheduled);
  const answer = completion === undefined ? [] : parentAnswer(context, instance, completion, at);
  const text = texts.join(",");
  return {
    commit: {
      ...empty,
      ...out,
      messages: [...out.messages, ...answer],
      instance: next,
      from: events.length,
      events: texts,
      restarted: false,
    },
    next: {
      instance: next,
      events: [...events, ...stored],
      text: turn.cached.text === "" ? text : `${turn.cached.text},${text}`,
    },
  };
}

/** The completion of the replay, or the failure that a guard makes of it. */
function judge(context: EngineContext, turn: Turn, customStatus: string | null): Completion | undefined {
  const { outcome, cached, fresh } = turn;
  const fail = (reason: string): Completion => ({ kind: "failed", reason, details: reason });
  if (customStatus !== null && customStatusTooLong(customStatus)) {
    return fail(
      `Orchestrator function '${cached.instance.name}' failed: The custom status is longer than 16 KB of UTF-16.`,
    );
  }
  if (!context.guards.strict) return outcome.completion;
  if (outcome.stuck) return fail(idleForEver(cached.instance.name, [...cached.events, ...fresh]));
  if (outcome.lostEvents.length > 0) {
    return fail(
      `continueAsNew while the events ${outcome.lostEvents.join(", ")} were not awaited: Azure loses them. Take all events before continuing.`,
    );
  }
  return outcome.completion;
}

/** The SDK sends only truthy values; the status before stays otherwise. */
function statusText(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}

function scheduledEvent(action: ScheduledAction, at: string): HistoryEvent {
  switch (action.kind) {
    case "activity":
      return { ...stamp(EventType.TaskScheduled, at, action.id), Name: action.name, Version: "", Input: null };
    case "timer":
      return { ...stamp(EventType.TimerCreated, at, action.id), FireAt: new Date(action.fireAt).toISOString() };
    case "child":
      return {
        ...stamp(EventType.SubOrchestrationInstanceCreated, at, action.id),
        ...{ Name: action.name, Version: action.version, InstanceId: action.instanceId, Input: null },
      };
    case "send":
      return {
        ...stamp(EventType.EventSent, at, action.id),
        ...{ InstanceId: action.target, Name: action.name, Input: action.input },
      };
  }
}

function outgoing(
  context: EngineContext,
  instance: Instance,
  scheduled: readonly ScheduledAction[],
): Pick<TurnCommit, "activities" | "timers" | "starts"> & { readonly messages: OutgoingMessage[] } {
  const { instanceId, executionId } = instance;
  const now = context.clock.now();
  const messages: OutgoingMessage[] = [];
  const starts: StartRequest[] = [];
  for (const action of scheduled) {
    if (action.kind === "send") {
      const event = {
        ...stamp(EventType.EventRaised, timeText(context.clock)),
        Name: action.name,
        Input: action.input,
      };
      messages.push({ instanceId: action.target, executionId: null, event, visibleAt: arrival(context) });
    } else if (action.kind === "child") {
      const busy = context.store.instance(action.instanceId);
      if (busy?.completed === null) {
        messages.push(...refusedChild(context, instance, action));
        continue;
      }
      starts.push({
        ...{ instanceId: action.instanceId, name: action.name, version: action.version, input: action.input, at: now },
        executionId: newExecutionId(),
        parent: {
          OrchestrationInstance: { InstanceId: instanceId, ExecutionId: executionId },
          ...{ Name: instance.name, Version: instance.version, TaskScheduleId: action.id },
        },
      });
    }
  }
  return {
    messages,
    starts,
    activities: scheduled.flatMap((action) =>
      action.kind === "activity"
        ? [{ instanceId, executionId, taskId: action.id, name: action.name, input: action.input }]
        : [],
    ),
    timers: scheduled.flatMap((action) =>
      action.kind === "timer"
        ? [
            {
              ...{ instanceId, executionId, timerId: action.id, fireAt: action.fireAt },
              due: Math.max(now, action.fireAt) + Math.ceil(context.disturbance.timerDelayMs()),
            },
          ]
        : [],
    ),
  };
}

/** In Azure the start of a child whose id is taken is ignored and the parent waits for ever. */
function refusedChild(
  context: EngineContext,
  instance: Instance,
  action: ScheduledAction & { kind: "child" },
): OutgoingMessage[] {
  if (!context.guards.strict) return [];
  const reason = `An orchestration with the id "${action.instanceId}" is running already; a sub-orchestration needs an id of its own.`;
  const event: HistoryEvent = {
    ...stamp(EventType.SubOrchestrationInstanceFailed, timeText(context.clock)),
    ...{ TaskScheduledId: action.id, Reason: reason, Details: reason },
  };
  return [{ instanceId: instance.instanceId, executionId: instance.executionId, event }];
}

function statusAfter(completion: Exclude<Completion, { kind: "continued" }>): Status {
  const after = { completed: Status.Completed, failed: Status.Failed, terminated: Status.Terminated } as const;
  return after[completion.kind];
}

function outputOf(completion: Exclude<Completion, { kind: "continued" }>): string | null {
  return completion.kind === "completed" ? completion.output : completion.reason;
}

function completedEvent(completion: Exclude<Completion, { kind: "continued" }>, at: string): HistoryEvent {
  return {
    ...stamp(EventType.ExecutionCompleted, at),
    OrchestrationStatus: statusAfter(completion),
    Result: outputOf(completion),
    FailureDetails: completion.kind === "failed" ? (completion.failure ?? null) : null,
  };
}

/** What a child tells the one that started it. */
function parentAnswer(
  context: EngineContext,
  instance: Instance,
  completion: Exclude<Completion, { kind: "continued" }>,
  at: string,
): OutgoingMessage[] {
  const { parent } = instance;
  if (parent === null) return [];
  const id = { TaskScheduledId: parent.TaskScheduleId };
  const event: HistoryEvent =
    completion.kind === "completed"
      ? { ...stamp(EventType.SubOrchestrationInstanceCompleted, at), ...id, Result: completion.output }
      : {
          ...stamp(EventType.SubOrchestrationInstanceFailed, at),
          ...id,
          Reason: completion.reason,
          // A terminated child has no details: the SDK cannot read that and its parent fails, as in Azure.
          Details: completion.kind === "failed" ? completion.details : null,
          ...(completion.kind === "failed" && completion.failure !== undefined
            ? { FailureDetails: completion.failure }
            : {}),
        };
  const { InstanceId: instanceId, ExecutionId: executionId } = parent.OrchestrationInstance;
  return [{ instanceId, executionId, event, visibleAt: arrival(context) }];
}
