import type { OrchestratorAnswer } from "./actions";
import { EventType, type EventRaised, type FailureDetails, type HistoryEvent } from "./history";
import { NonDeterminismError, ReplayContext, type ScheduledAction, TaskFailure } from "./replay-context";
import { Shim, type ShimSettings } from "./shim";

/** How a turn ends an execution. */
export type Completion =
  | { readonly kind: "completed"; readonly output: string | null }
  | { readonly kind: "failed"; readonly reason: string; readonly details: string; readonly failure?: FailureDetails }
  | { readonly kind: "terminated"; readonly reason: string }
  | { readonly kind: "continued"; readonly input: string | null; readonly carryOver: readonly EventRaised[] };

/** What a turn decides, before anything of it is stored. */
export interface ReplayOutcome {
  readonly scheduled: readonly ScheduledAction[];
  readonly completion?: Completion;
  readonly suspended: boolean;
  /** Neither open tasks nor waiters and not done: nothing can ever wake the instance again. */
  readonly stuck: boolean;
  /** Events delivered and not waited for when the execution continued as new. */
  readonly lostEvents: readonly string[];
}

/**
 * Replays a history with the actions an orchestrator function returned (`TaskOrchestrationExecutor` of
 * DurableTask.Core). Pure: the same arguments give the same outcome.
 */
export function replay(
  functionName: string,
  ids: { readonly instanceId: string; readonly executionId: string },
  history: readonly HistoryEvent[],
  answer: OrchestratorAnswer,
  settings: ShimSettings,
): ReplayOutcome {
  const context = new ReplayContext(ids.instanceId, ids.executionId);
  const shim = new Shim(context, settings);
  const held: HistoryEvent[] = [];
  let suspended = false;
  let finished = false;
  let completion: Completion | undefined;

  const handle = (event: HistoryEvent): void => {
    if (
      suspended &&
      event.EventType !== EventType.ExecutionResumed &&
      event.EventType !== EventType.ExecutionTerminated
    ) {
      if (event.EventType !== EventType.ExecutionSuspended) held.push(event);
      return;
    }
    switch (event.EventType) {
      case EventType.OrchestratorStarted:
        context.now = Math.max(context.now, Date.parse(event.Timestamp));
        return;
      case EventType.ExecutionStarted:
        shim.start(answer, () => {
          finished = true;
        });
        return;
      case EventType.TaskScheduled:
        return context.confirm("activity", event.EventId, event.Name);
      case EventType.SubOrchestrationInstanceCreated:
        return context.confirm("child", event.EventId, event.Name);
      case EventType.TimerCreated:
        return context.confirm("timer", event.EventId, undefined);
      case EventType.EventSent:
        return context.confirm("send", event.EventId, undefined);
      case EventType.TaskCompleted:
      case EventType.SubOrchestrationInstanceCompleted:
        return context.settle(event.TaskScheduledId, { value: event.Result });
      case EventType.TaskFailed:
      case EventType.SubOrchestrationInstanceFailed:
        return context.settle(event.TaskScheduledId, {
          error: new TaskFailure(event.Reason ?? "", event.FailureDetails),
        });
      case EventType.TimerFired:
        return context.settle(event.TimerId, { value: null });
      case EventType.EventRaised:
        return context.raise(event);
      case EventType.ExecutionTerminated:
        completion ??= { kind: "terminated", reason: event.Input ?? "" };
        return;
      case EventType.ExecutionSuspended:
        suspended = true;
        context.park();
        return;
      case EventType.ExecutionResumed:
        suspended = false;
        context.unpark();
        for (const late of held.splice(0)) handle(late);
        return;
      case EventType.ExecutionCompleted:
      case EventType.OrchestratorCompleted:
      case EventType.ExecutionRewound:
        return;
    }
  };

  try {
    for (const event of history) handle(event);
    if (completion === undefined && finished && !context.hasOpenTasks && !suspended) {
      completion = completionOf(functionName, answer, context);
    }
  } catch (error) {
    if (!(error instanceof NonDeterminismError)) throw error;
    return {
      scheduled: [],
      completion: { kind: "failed", reason: error.message, details: error.message },
      suspended: false,
      stuck: false,
      lostEvents: [],
    };
  }
  return {
    scheduled: context.remaining(),
    ...(completion === undefined ? {} : { completion }),
    suspended,
    stuck: completion === undefined && !suspended && !finished && !context.hasOpenTasks && !context.isWaitingForEvents,
    lostEvents: completion?.kind === "continued" ? context.unclaimedEvents().map((event) => event.Name) : [],
  };
}

function completionOf(functionName: string, answer: OrchestratorAnswer, context: ReplayContext): Completion {
  if (answer.error !== undefined) {
    return {
      kind: "failed",
      reason: `Orchestrator function '${functionName}' failed: ${answer.error}`,
      details: `Message: ${answer.error}, StackTrace: none`,
      ...(answer.failureDetails === undefined ? {} : { failure: answer.failureDetails }),
    };
  }
  if (context.continueAsNew !== undefined) {
    const { input } = context.continueAsNew;
    return {
      kind: "continued",
      input: input === undefined ? null : JSON.stringify(input),
      carryOver: context.carryOver,
    };
  }
  return { kind: "completed", output: answer.output === undefined ? null : JSON.stringify(answer.output) };
}
