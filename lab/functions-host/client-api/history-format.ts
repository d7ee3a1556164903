import type { JsonObject } from "../json";
import { EventType, type HistoryEvent, Status, statusName } from "../engine/history";
import { value } from "./instance-view";

const names = new Map<number, string>(Object.entries(EventType).map(([name, type]) => [type, name]));

/**
 * History as `showHistory` shows it: event types as words, turns left out, what was scheduled merged into its
 * completion, results only on request.
 */
export function historyOf(
  events: readonly HistoryEvent[],
  show: { readonly outputs: boolean; readonly inputs: boolean },
): JsonObject[] {
  const scheduled = new Map<number, HistoryEvent>();
  for (const event of events) {
    if (event.EventId >= 0) scheduled.set(event.EventId, event);
  }
  const completed = new Set(events.flatMap((event) => completionId(event) ?? []));
  return events.flatMap((event): JsonObject[] => {
    if (event.EventType === EventType.OrchestratorStarted || event.EventType === EventType.OrchestratorCompleted)
      return [];
    if (event.EventId >= 0 && completed.has(event.EventId)) return [];
    return [show1(event, scheduled, show)];
  });
}

function completionId(event: HistoryEvent): number | undefined {
  if ("TaskScheduledId" in event) return event.TaskScheduledId;
  return event.EventType === EventType.TimerFired ? event.TimerId : undefined;
}

function show1(
  event: HistoryEvent,
  scheduled: ReadonlyMap<number, HistoryEvent>,
  show: { readonly outputs: boolean; readonly inputs: boolean },
): JsonObject {
  const { EventType: type, EventId: _id, IsPlayed: _played, Timestamp, ...rest } = event;
  const fields: Record<string, unknown> = { EventType: names.get(type) ?? "Unknown", ...rest, Timestamp };
  for (const hidden of ["TaskScheduledId", "TimerId", "OrchestrationInstance", "ParentInstance", "Version", "Tags"]) {
    Reflect.deleteProperty(fields, hidden);
  }
  const id = completionId(event);
  const begin = id === undefined ? undefined : scheduled.get(id);
  if (begin !== undefined) {
    fields["ScheduledTime"] = begin.Timestamp;
    if ("Name" in begin) fields["FunctionName"] = begin.Name;
  }
  if (event.EventType === EventType.ExecutionStarted) {
    fields["FunctionName"] = event.Name;
    Reflect.deleteProperty(fields, "Name");
  }
  if (event.EventType === EventType.ExecutionCompleted) {
    fields["OrchestrationStatus"] = statusName(
      event.OrchestrationStatus === 1 ? Status.Completed : toStatus(event.OrchestrationStatus),
    );
  }
  if (!show.inputs) Reflect.deleteProperty(fields, "Input");
  else if (typeof fields["Input"] === "string") fields["Input"] = value(fields["Input"]);
  if (!show.outputs) Reflect.deleteProperty(fields, "Result");
  else if (typeof fields["Result"] === "string") fields["Result"] = value(fields["Result"]);
  return fields;
}

function toStatus(value: number): Status {
  return Object.values(Status).find((status) => status === value) ?? Status.Failed;
}
