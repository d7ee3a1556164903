import { isObject, type JsonObject } from "./json";

/** A history as it lies in a file, with what differs from run to run taken out. */
export interface RecordedHistory {
  /** `recorded`: from Azure's own host; `derived`: from this one. */
  readonly source: "recorded" | "derived";
  readonly name: string;
  readonly runtimeStatus: string;
  readonly events: readonly JsonObject[];
}

const differing = new Set(["Timestamp", "ScheduledTime", "FireAt", "InstanceId", "Generation", "Correlation"]);
const alwaysEmpty = new Set([
  "ParentTraceContext",
  "ScheduledStartTime",
  "FailureDetails",
  "Tags",
  "Reason",
  "Details",
]);

/**
 * Events of the management API (`showHistory`) without times and ids, so that two runs of one orchestration compare
 * equal, whichever host ran them.
 */
export function normalised(events: readonly JsonObject[], instanceId: string): JsonObject[] {
  return events.map((event) =>
    Object.fromEntries(
      Object.entries(event)
        .filter(([name, value]) => !differing.has(name) && !alwaysEmpty.has(name) && value !== null)
        .map(([name, value]) => [name, withoutIds(value, instanceId)]),
    ),
  );
}

const id = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/g;

function withoutIds(value: unknown, instanceId: string): unknown {
  if (typeof value === "string") return value.replaceAll(instanceId, "INSTANCE").replace(id, "ID");
  if (Array.isArray(value)) return value.map((one) => withoutIds(one, instanceId));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutIds(one, instanceId)]));
}
