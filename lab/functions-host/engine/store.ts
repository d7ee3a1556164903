import { numberOf, textOf } from "../json";
import { EventType, type HistoryEvent, isFinal, stamp, Status } from "./history";
import {
  type ActivityRow,
  type InboxMessage,
  type Instance,
  type OutgoingMessage,
  parseEvents,
  Rank,
  type StartRequest,
  type TimerRow,
  toActivity,
  toInstance,
  toMessage,
  toTimer,
  type TurnCommit,
} from "./rows";
import { prepareSchema } from "./schema";
import { SqliteFile } from "./sqlite";

/** What a transaction was for: crash tests stop the host after a chosen one. */
export type CommitKind = "start" | "turn" | "activity" | "timer" | "message" | "entity" | "purge" | "checkpoint";

/** All durable state of a host: every method that writes is one transaction. */
export class Store {
  /** Called after each transaction has reached the file. */
  onCommit: (kind: CommitKind) => void = () => undefined;
  /** Called for each message that may not be delivered before `visibleAt`. */
  onHidden: (instanceId: string, visibleAt: number) => void = () => undefined;

  /** Transactions since the store was opened, by what they were for. */
  readonly committed = new Map<CommitKind, number>();

  private constructor(readonly file: SqliteFile) {}

  /** Opens or creates the file; throws StoreRefused when it is locked, damaged or newer than this host. */
  static open(path: string, options: { readonly durable: boolean }): Store {
    const file = new SqliteFile(path, options);
    try {
      prepareSchema(file);
    } catch (error) {
      file.close();
      throw error;
    }
    return new Store(file);
  }

  close(): void {
    this.file.close();
  }

  /** Runs `work` as one transaction and reports it. */
  commit<T>(kind: CommitKind, work: () => T): T {
    const result = this.file.transaction(work);
    this.committed.set(kind, (this.committed.get(kind) ?? 0) + 1);
    this.onCommit(kind);
    return result;
  }

  instance(instanceId: string): Instance | undefined {
    return this.file.get("SELECT * FROM instances WHERE instance_id = ?", toInstance, instanceId);
  }

  /** The events of the current execution in order, as JSON with commas between them: what the worker is handed. */
  historyText(instanceId: string): string {
    return this.file
      .all(
        "SELECT events FROM history WHERE instance_id = ? ORDER BY seq",
        (row) => textOf(row["events"]) ?? "",
        instanceId,
      )
      .join(",");
  }

  /** The events of the current execution in order. */
  history(instanceId: string): HistoryEvent[] {
    return parseEvents(this.historyText(instanceId));
  }

  /** Messages that may be delivered now, in the order in which a turn takes them. */
  inbox(instanceId: string, limit: number, now: number): InboxMessage[] {
    return this.file.all(
      "SELECT id, execution_id, event FROM inbox WHERE instance_id = ? AND visible <= ? ORDER BY rank, id LIMIT ?",
      toMessage,
      instanceId,
      now,
      limit,
    );
  }

  /** Who has messages waiting, hidden ones included, with the time the first of them becomes visible. */
  waiting(): { readonly instanceId: string; readonly visibleAt: number }[] {
    return this.file.all(
      "SELECT instance_id, MIN(visible) AS visible FROM inbox GROUP BY instance_id ORDER BY MIN(id)",
      (row) => ({ instanceId: textOf(row["instance_id"]) ?? "", visibleAt: numberOf(row["visible"]) ?? 0 }),
    );
  }

  /** Every activity that was scheduled and not finished. */
  unfinishedActivities(): ActivityRow[] {
    return this.file.all("SELECT * FROM activities ORDER BY id", toActivity);
  }

  nextTimer(): number | undefined {
    return this.file.get("SELECT MIN(due) AS due FROM timers", (row) => numberOf(row["due"]));
  }

  /** Turns the timers that are due into messages; returns whom they are for. */
  fireTimers(now: number, limit: number): string[] {
    const due = this.file.all("SELECT * FROM timers WHERE due <= ? ORDER BY due LIMIT ?", toTimer, now, limit);
    if (due.length === 0) return [];
    this.commit("timer", () => {
      for (const timer of due) {
        this.deleteTimer(timer);
        this.addMessage({
          instanceId: timer.instanceId,
          executionId: timer.executionId,
          event: {
            ...stamp(EventType.TimerFired, new Date(now).toISOString()),
            TimerId: timer.timerId,
            FireAt: new Date(timer.fireAt).toISOString(),
          },
        });
      }
    });
    return due.map((timer) => timer.instanceId);
  }

  /** Creates or replaces an instance, pending, with its start message. */
  start(request: StartRequest): void {
    this.commit("start", () => this.addInstance(request));
  }

  /** Stores a message for an instance or entity. */
  post(message: OutgoingMessage): void {
    this.commit("message", () => this.addMessage(message));
  }

  /** Results of activities; one that was finished before (a second delivery) changes nothing. */
  finishActivities(finished: readonly { readonly row: ActivityRow; readonly message: OutgoingMessage }[]): void {
    this.commit("activity", () => {
      for (const { row, message } of finished) {
        if (this.file.run("DELETE FROM activities WHERE id = ?", row.rowId) > 0) this.addMessage(message);
      }
    });
  }

  /** Messages nobody can take any more. */
  drop(messages: readonly number[]): void {
    this.commit("message", () => this.deleteMessages(messages));
  }

  /** Stores a whole turn; returns the new activities with their row ids. */
  commitTurn(turn: TurnCommit): ActivityRow[] {
    return this.commit("turn", () => {
      const { instance } = turn;
      this.deleteMessages(turn.consumed);
      if (turn.restarted) this.file.run("DELETE FROM history WHERE instance_id = ?", instance.instanceId);
      if (turn.restarted || isFinal(instance.status)) {
        this.file.run("DELETE FROM timers WHERE instance_id = ?", instance.instanceId);
      }
      if (turn.events.length > 0) this.addHistory(instance.instanceId, turn.from, turn.events.join(","));
      this.updateInstance(instance);
      for (const start of turn.starts) this.addInstance(start);
      for (const message of turn.messages) this.addMessage(message);
      for (const timer of turn.timers) {
        this.file.run(
          "INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?, ?)",
          timer.instanceId,
          timer.executionId,
          timer.timerId,
          timer.fireAt,
          timer.due,
        );
      }
      return turn.activities.map((activity) => this.addActivity(activity));
    });
  }

  /** Removes an instance and everything that belongs to it; false when there is none. */
  purge(instanceId: string): boolean {
    return this.commit("purge", () => this.deleteInstance(instanceId));
  }

  /** Part of a transaction: an instance row as it is now. */
  writeInstance(instance: Instance): void {
    this.file.run(
      "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      instance.instanceId,
      instance.executionId,
      instance.name,
      instance.version,
      instance.status,
      instance.input,
      instance.output,
      instance.customStatus,
      instance.parent === null ? null : JSON.stringify(instance.parent),
      instance.created,
      instance.updated,
      instance.completed,
    );
  }

  /** Name, version, parent and creation stay as they were. */
  private updateInstance(instance: Instance): void {
    this.file.run(
      "UPDATE instances SET execution_id = ?, status = ?, input = ?, output = ?, custom_status = ?, updated = ?," +
        " completed = ? WHERE instance_id = ?",
      instance.executionId,
      instance.status,
      instance.input,
      instance.output,
      instance.customStatus,
      instance.updated,
      instance.completed,
      instance.instanceId,
    );
  }

  /** Part of a transaction: one more message. */
  addMessage({ instanceId, executionId, event, rank, visibleAt }: OutgoingMessage): void {
    this.file.run(
      "INSERT INTO inbox (instance_id, execution_id, rank, visible, event) VALUES (?, ?, ?, ?, ?)",
      instanceId,
      executionId,
      rank ?? Rank.Ordinary,
      visibleAt ?? 0,
      JSON.stringify(event),
    );
    if (visibleAt !== undefined && visibleAt > 0) this.onHidden(instanceId, visibleAt);
  }

  deleteMessages(ids: readonly number[]): void {
    const [only] = ids;
    if (ids.length === 1 && only !== undefined) this.file.run("DELETE FROM inbox WHERE id = ?", only);
    else this.file.run("DELETE FROM inbox WHERE id IN (SELECT value FROM json_each(?))", JSON.stringify(ids));
  }

  /** Part of a transaction: the events of one turn, in one row; `from` is the number of the first. */
  addHistory(instanceId: string, from: number, events: string): void {
    this.file.run("INSERT INTO history VALUES (?, ?, ?)", instanceId, from, events);
  }

  addActivity(activity: Omit<ActivityRow, "rowId">): ActivityRow {
    const { instanceId, executionId, taskId, name, input } = activity;
    const rowId = this.file.insert(
      "INSERT INTO activities (instance_id, execution_id, task_id, name, input) VALUES (?, ?, ?, ?, ?)",
      instanceId,
      executionId,
      taskId,
      name,
      input,
    );
    return { ...activity, rowId };
  }

  private deleteTimer(timer: TimerRow): void {
    this.file.run(
      "DELETE FROM timers WHERE instance_id = ? AND execution_id = ? AND timer_id = ?",
      timer.instanceId,
      timer.executionId,
      timer.timerId,
    );
  }

  private deleteInstance(instanceId: string): boolean {
    for (const table of ["history", "inbox", "activities", "timers"]) {
      this.file.run(`DELETE FROM ${table} WHERE instance_id = ?`, instanceId);
    }
    const entities = this.file.run("DELETE FROM entities WHERE entity_id = ?", instanceId);
    return this.file.run("DELETE FROM instances WHERE instance_id = ?", instanceId) + entities > 0;
  }

  private addInstance(request: StartRequest): void {
    const { instanceId, executionId, name, version, input, parent, at } = request;
    this.deleteInstance(instanceId);
    this.writeInstance({
      ...{ instanceId, executionId, name, version, input, parent },
      ...{ status: Status.Pending, output: null, customStatus: null, created: at, updated: at, completed: null },
    });
    this.addMessage({ instanceId, executionId, event: startedEvent(request), rank: Rank.Start });
  }
}

/** The event that begins an execution. */
export function startedEvent(request: StartRequest) {
  return {
    ...stamp(EventType.ExecutionStarted, new Date(request.at).toISOString()),
    Name: request.name,
    Version: request.version,
    Input: request.input,
    Tags: null,
    ParentInstance: request.parent,
    OrchestrationInstance: { InstanceId: request.instanceId, ExecutionId: request.executionId },
    Correlation: null,
    ParentTraceContext: null,
    ScheduledStartTime: null,
    Generation: 0,
  };
}
