import type { JsonObject } from "../json";
import { tryParse } from "../json";
import { type Status, statusName, statusOf } from "../engine/history";
import type { Instance } from "../engine/rows";
import type { ApiRequest } from "./api";

/** One instance as the API shows it. */
export function describe(instance: Instance, request: Pick<ApiRequest, "query">): JsonObject {
  return {
    name: instance.name,
    instanceId: instance.instanceId,
    runtimeStatus: statusName(instance.status),
    input: isOn(request, "showInput", true) ? value(instance.input) : null,
    customStatus: value(instance.customStatus),
    output: value(instance.output),
    createdTime: seconds(instance.created),
    lastUpdatedTime: seconds(instance.updated),
  };
}

/** Statuses named in a comma list, unknown names left out. */
export function statusesOf(text: string | null): Status[] {
  return (text ?? "").split(",").flatMap((name) => statusOf(name.trim()) ?? []);
}

/** A query parameter that is on or off. */
export function isOn(request: Pick<ApiRequest, "query">, name: string, otherwise: boolean): boolean {
  const text = request.query.get(name)?.toLowerCase();
  return text === undefined ? otherwise : text === "true" || text === "1";
}

/** Payloads are shown as JSON, or as the text they are when they are none. */
export function value(text: string | null): unknown {
  if (text === null) return null;
  return isJson(text) ? tryParse(text) : text;
}

/** Whether the text is JSON. */
export function isJson(text: string): boolean {
  return text === "undefined" ? false : tryParse(text) !== undefined;
}

/** The API shows whole seconds. */
function seconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
