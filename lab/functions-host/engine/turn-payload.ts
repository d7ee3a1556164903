import { formatTimeSpan } from "../time-span";
import type { EngineContext } from "./engine-context";
import { EventType, type HistoryEvent } from "./history";
import type { Instance } from "./rows";

/** The stored form of an event: played, except that DurableTask.Core never marks OrchestratorStarted. */
export function played(event: HistoryEvent): HistoryEvent {
  return event.EventType === EventType.OrchestratorStarted ? event : { ...event, IsPlayed: true };
}

/** What the orchestration trigger hands to the worker: the complete history, old and new, as one JSON text. */
export function turnPayload(
  context: EngineContext,
  instance: Instance,
  pastText: string,
  fresh: readonly HistoryEvent[],
): string {
  const parent = instance.parent?.OrchestrationInstance.InstanceId;
  const freshText = fresh.map((event) => JSON.stringify(event)).join(",");
  const { schemaVersion, longTimerIntervalMs, maximumShortTimerMs, httpPollMs } = context.settings;
  return (
    `{"history":[${pastText}${pastText === "" ? "" : ","}${freshText}],"input":${instance.input ?? "null"},` +
    `"instanceId":${JSON.stringify(instance.instanceId)},"isReplaying":${pastText !== ""},` +
    `"parentInstanceId":${parent === undefined ? "null" : JSON.stringify(parent)},` +
    `"upperSchemaVersion":1,"upperSchemaVersionNew":${schemaVersion},` +
    `"longRunningTimerIntervalDuration":"${formatTimeSpan(longTimerIntervalMs)}",` +
    `"maximumShortTimerDuration":"${formatTimeSpan(maximumShortTimerMs)}",` +
    `"defaultHttpAsyncRequestSleepTimeMillseconds":${httpPollMs}}`
  );
}
