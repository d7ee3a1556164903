import { arrayOf, isObject, objectOf } from "../json";

/**
 * Finds a task that an orchestrator awaited in two compounds (`Task.any([a, b])`, then `Task.all([a, b])`). The SDK
 * puts the same action object into the list again, and the extension, which sees only JSON, schedules it again
 * (Azure/azure-functions-durable-js#574). Identity is lost with the first serialisation, hence this look before it.
 */
export function reusedTask(state: unknown): string | undefined {
  if (!isObject(state)) return undefined;
  const seen = new Set<unknown>();
  const visit = (action: unknown): string | undefined => {
    if (!isObject(action)) return undefined;
    if (seen.has(action)) return describe(action);
    seen.add(action);
    for (const child of arrayOf(action["compoundActions"])) {
      const found = visit(child);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  for (const list of arrayOf(state["actions"])) {
    for (const action of arrayOf(list)) {
      const found = visit(action);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function describe(action: unknown): string {
  const fields = objectOf(action);
  for (const key of ["functionName", "externalEventName", "fireAt", "instanceId"]) {
    const value = fields[key];
    if (typeof value === "string") return value;
    if (value instanceof Date) return `timer due ${value.toISOString()}`;
  }
  return `action of type ${String(fields["actionType"])}`;
}
