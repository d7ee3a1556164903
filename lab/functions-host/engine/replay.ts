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
  const walk = new HistoryWalk(new ReplayContext(ids.instanceId, ids.executionId), settings, answer);
  try {
    for (const event of history) walk.handle(event);
    return walk.outcome(functionName);
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
}

class HistoryWalk {
  private readonly shim: Shim;
  private held: HistoryEvent[] = [];
  private suspended = false;
  private finished = false;
  private completion: Completion | undefined;

  constructor(
    private readonly context: ReplayContext,
    settings: ShimSettings,
    private readonly answer: OrchestratorAnswer,
  ) {
    this.shim = new Shim(context, settings);
  }

  /** While suspended, events wait, OrchestratorStarted included; only resume and terminate are taken at once. */
  handle(event: HistoryEvent): void {
    const always = event.EventType === EventType.ExecutionResumed || event.EventType === EventType.ExecutionTerminated;
    if (!this.suspended || always) this.take(event);
    else if (event.EventType !== EventType.ExecutionSuspended) this.held.push(event);
  }

  private take(event: HistoryEvent): void {
    const { context } = this;
    switch (event.EventType) {
      case EventType.OrchestratorStarted:
        context.now = Math.max(context.now, Date.parse(event.Timestamp));
        break;
      case EventType.ExecutionStarted:
        this.shim.start(this.answer, () => {
          this.finished = true;
        });
        break;
      case EventType.TaskScheduled:
        context.confirm("activity", event.EventId, event.Name);
        break;
      case EventType.SubOrchestrationInstanceCreated:
        context.confirm("child", event.EventId, event.Name);
        break;
      case EventType.TimerCreated:
        context.confirm("timer", event.EventId, undefined);
        break;
      case EventType.EventSent:
        context.confirm("send", event.EventId, undefined);
        break;
      case EventType.TaskCompleted:
      case EventType.SubOrchestrationInstanceCompleted:
        context.settle(event.TaskScheduledId, { value: event.Result });
        break;
      case EventType.TaskFailed:
      case EventType.SubOrchestrationInstanceFailed: {
        const error = new TaskFailure(event.Reason ?? "", event.FailureDetails);
        context.settle(event.TaskScheduledId, { error });
        break;
      }
      case EventType.TimerFired:
        context.settle(event.TimerId, { value: null });
        break;
      case EventType.EventRaised:
        context.raise(event);
        break;
      case EventType.ExecutionTerminated:
        this.completion ??= { kind: "terminated", reason: event.Input ?? "" };
        break;
      case EventType.ExecutionSuspended:
        this.suspended = true;
        context.park();
        break;
      case EventType.ExecutionResumed:
        this.resume();
        break;
      case EventType.ExecutionCompleted:
      case EventType.OrchestratorCompleted:
      case EventType.ExecutionRewound:
        break;
    }
  }

  private resume(): void {
    this.suspended = false;
    this.context.unpark();
    const late = this.held;
    this.held = [];
    for (const event of late) this.handle(event);
  }

  outcome(functionName: string): ReplayOutcome {
    const { context, answer } = this;
    const open = context.hasOpenTasks;
    // As long as anything is open nothing ends: a timer that was not cancelled holds a returned orchestrator.
    const ends = this.finished && !open && !this.suspended;
    const completion = this.completion ?? (ends ? completionOf(functionName, answer, context) : undefined);
    return {
      scheduled: context.remaining(),
      ...(completion === undefined ? {} : { completion }),
      suspended: this.suspended,
      stuck: completion === undefined && !this.suspended && !this.finished && !open && !context.isWaitingForEvents,
      lostEvents: completion?.kind === "continued" ? context.unclaimedEvents().map((event) => event.Name) : [],
    };
  }
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
