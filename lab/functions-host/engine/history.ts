/**
 * History events as the Durable extension hands them to a Node worker (`HistoryEvent` classes of DurableTask.Core,
 * serialised with PascalCase names and numeric types).
 */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ContinueAsNew: 16,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
  ExecutionRewound: 21,
} as const;

/** `OrchestrationStatus` of DurableTask.Core, as numbers on the wire. */
export const Status = {
  Running: 0,
  Completed: 1,
  ContinuedAsNew: 2,
  Failed: 3,
  Canceled: 4,
  Terminated: 5,
  Pending: 6,
  Suspended: 7,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

const statusNames = new Map<number, string>(Object.entries(Status).map(([name, value]) => [value, name]));

/** The name the management API shows for a status number. */
export function statusName(status: Status): string {
  return statusNames.get(status) ?? "Unknown";
}

/** The status number of a name, whatever its case; undefined for an unknown one. */
export function statusOf(name: string): Status | undefined {
  return Object.entries(Status).find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
}

/** Completed, Failed, Terminated and Canceled instances take no more messages. */
export function isFinal(status: Status): boolean {
  return (
    status === Status.Completed ||
    status === Status.Failed ||
    status === Status.Terminated ||
    status === Status.Canceled
  );
}

export interface ParentInstance {
  readonly OrchestrationInstance: { readonly InstanceId: string; readonly ExecutionId: string };
  readonly Name: string;
  readonly Version: string;
  /** The id under which the parent scheduled this child. */
  readonly TaskScheduleId: number;
}

/** What a failed task tells beside its text, as newer extensions send it. */
export interface FailureDetails {
  readonly ErrorType: string;
  readonly ErrorMessage: string;
  readonly StackTrace: string | null;
  readonly InnerFailure: FailureDetails | null;
  readonly IsNonRetriable: boolean;
  readonly Properties: Readonly<Record<string, unknown>> | null;
}

interface Common<T extends number> {
  readonly EventType: T;
  /** The id of the action that is scheduled, -1 for all other events. */
  readonly EventId: number;
  /** Set once the event was part of a turn; OrchestratorStarted keeps false. */
  readonly IsPlayed: boolean;
  readonly Timestamp: string;
}

export interface ExecutionStarted extends Common<0> {
  readonly Name: string;
  readonly Version: string;
  readonly Input: string | null;
  readonly Tags: null;
  readonly ParentInstance: ParentInstance | null;
  readonly OrchestrationInstance: { readonly InstanceId: string; readonly ExecutionId: string };
}
export interface ExecutionCompleted extends Common<1> {
  readonly OrchestrationStatus: number;
  readonly Result: string | null;
  readonly FailureDetails: FailureDetails | null;
}
export interface ExecutionTerminated extends Common<3> {
  readonly Input: string | null;
}
export interface TaskScheduled extends Common<4> {
  readonly Name: string;
  readonly Version: string | null;
  readonly Input: string | null;
}
export interface TaskCompleted extends Common<5> {
  readonly TaskScheduledId: number;
  readonly Result: string | null;
}
export interface TaskFailed extends Common<6> {
  readonly TaskScheduledId: number;
  readonly Reason: string;
  readonly Details: string;
  readonly FailureDetails?: FailureDetails;
}
export interface SubOrchestrationCreated extends Common<7> {
  readonly Name: string;
  readonly Version: string;
  readonly InstanceId: string;
  readonly Input: string | null;
}
export interface SubOrchestrationCompleted extends Common<8> {
  readonly TaskScheduledId: number;
  readonly Result: string | null;
}
export interface SubOrchestrationFailed extends Common<9> {
  readonly TaskScheduledId: number;
  readonly Reason: string | null;
  /** Null when the child was terminated: the SDK cannot read such an event, as in Azure. */
  readonly Details: string | null;
  readonly FailureDetails?: FailureDetails;
}
export interface TimerCreated extends Common<10> {
  readonly FireAt: string;
}
export interface TimerFired extends Common<11> {
  readonly TimerId: number;
  readonly FireAt: string;
}
export type OrchestratorStarted = Common<12>;
export type OrchestratorCompleted = Common<13>;
export interface EventSent extends Common<14> {
  readonly InstanceId: string;
  readonly Name: string;
  readonly Input: string | null;
}
export interface EventRaised extends Common<15> {
  readonly Name: string;
  readonly Input: string | null;
}
export interface ExecutionSuspended extends Common<19> {
  readonly Reason: string | null;
}
export interface ExecutionResumed extends Common<20> {
  readonly Reason: string | null;
}
export interface ExecutionRewound extends Common<21> {
  readonly Reason: string | null;
}

export type HistoryEvent =
  | ExecutionStarted
  | ExecutionCompleted
  | ExecutionTerminated
  | TaskScheduled
  | TaskCompleted
  | TaskFailed
  | SubOrchestrationCreated
  | SubOrchestrationCompleted
  | SubOrchestrationFailed
  | TimerCreated
  | TimerFired
  | OrchestratorStarted
  | OrchestratorCompleted
  | EventSent
  | EventRaised
  | ExecutionSuspended
  | ExecutionResumed
  | ExecutionRewound;

/** The fields every message event shares; messages are new, so they were never played and name no action. */
export function stamp<T extends number>(type: T, at: string, id = -1): Common<T> {
  return { EventType: type, EventId: id, IsPlayed: false, Timestamp: at };
}
