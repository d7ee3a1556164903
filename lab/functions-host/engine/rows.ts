import { type JsonObject, numberOf, textOf, tryParse } from "../json";
import type { HistoryEvent, ParentInstance, Status } from "./history";

/** One orchestration instance as its row says; times in milliseconds since the epoch, payloads as JSON text. */
export interface Instance {
  readonly instanceId: string;
  readonly executionId: string;
  readonly name: string;
  readonly version: string;
  readonly status: Status;
  readonly input: string | null;
  readonly output: string | null;
  readonly customStatus: string | null;
  readonly parent: ParentInstance | null;
  readonly created: number;
  readonly updated: number;
  readonly completed: number | null;
}

/** A message waiting for an instance or entity. */
export interface InboxMessage {
  readonly id: number;
  /** The execution it is meant for; null: whichever runs. */
  readonly executionId: string | null;
  readonly event: HistoryEvent;
}

/** Higher ranks are taken first: a new execution's start, events carried over to it, then everything else. */
export const Rank = { Start: 0, CarriedOver: 1, Ordinary: 2 } as const;

export interface OutgoingMessage {
  readonly instanceId: string;
  readonly executionId: string | null;
  readonly event: HistoryEvent;
  /** Default: ordinary. */
  readonly rank?: number;
  /** Not delivered before this time; default: at once. */
  readonly visibleAt?: number;
}

/** An activity to run, at least once. */
export interface ActivityRow {
  readonly rowId: number;
  readonly instanceId: string;
  readonly executionId: string;
  readonly taskId: number;
  readonly name: string;
  /** JSON array with the one argument. */
  readonly input: string;
}

export interface TimerRow {
  readonly instanceId: string;
  readonly executionId: string;
  readonly timerId: number;
  readonly fireAt: number;
}

export interface StartRequest {
  readonly instanceId: string;
  readonly executionId: string;
  readonly name: string;
  readonly version: string;
  readonly input: string | null;
  readonly parent: ParentInstance | null;
  readonly at: number;
}

/** Everything one turn of an orchestration changes. */
export interface TurnCommit {
  readonly instance: Instance;
  readonly consumed: readonly number[];
  /** Sequence number of the first of `events`. */
  readonly from: number;
  readonly events: readonly string[];
  /** The execution continued as new: its history and its timers go. */
  readonly restarted: boolean;
  readonly activities: readonly Omit<ActivityRow, "rowId">[];
  readonly timers: readonly (TimerRow & { readonly due: number })[];
  readonly starts: readonly StartRequest[];
  readonly messages: readonly OutgoingMessage[];
}

const text = (row: JsonObject, column: string): string => textOf(row[column]) ?? "";
const number = (row: JsonObject, column: string): number => numberOf(row[column]) ?? 0;
const orNull = (row: JsonObject, column: string): string | null => textOf(row[column]) ?? null;

/** Events and parents were written by this host, so their text has the form it gave them. */
export function parseEvent(json: string): HistoryEvent {
  return JSON.parse(json) as HistoryEvent;
}

/** Several events, with commas between them. */
export function parseEvents(json: string): HistoryEvent[] {
  return JSON.parse(`[${json}]`) as HistoryEvent[];
}

export function toInstance(row: JsonObject): Instance {
  const parent = textOf(row["parent"]);
  return {
    instanceId: text(row, "instance_id"),
    executionId: text(row, "execution_id"),
    name: text(row, "name"),
    version: text(row, "version"),
    status: number(row, "status") as Status,
    input: orNull(row, "input"),
    output: orNull(row, "output"),
    customStatus: orNull(row, "custom_status"),
    parent: parent === undefined ? null : (tryParse(parent) as ParentInstance),
    created: number(row, "created"),
    updated: number(row, "updated"),
    completed: numberOf(row["completed"]) ?? null,
  };
}

export function toMessage(row: JsonObject): InboxMessage {
  return { id: number(row, "id"), executionId: orNull(row, "execution_id"), event: parseEvent(text(row, "event")) };
}

export function toActivity(row: JsonObject): ActivityRow {
  return {
    rowId: number(row, "id"),
    instanceId: text(row, "instance_id"),
    executionId: text(row, "execution_id"),
    taskId: number(row, "task_id"),
    name: text(row, "name"),
    input: text(row, "input"),
  };
}

export function toTimer(row: JsonObject): TimerRow {
  return {
    instanceId: text(row, "instance_id"),
    executionId: text(row, "execution_id"),
    timerId: number(row, "timer_id"),
    fireAt: number(row, "fire_at"),
  };
}
