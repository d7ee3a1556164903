import type { DeviceId } from "../ids";

/** A hub takes 8,192 characters of query; a part of them is left for what the service puts around a condition. */
const MOST_CHARACTERS = 7_500;

/** Conditions that pick exactly these devices, each as long as a hub takes it. No devices: no condition. */
export function jobConditions(
  deviceIds: readonly DeviceId[],
): readonly { readonly deviceIds: readonly DeviceId[]; readonly condition: string }[] {
  const parts: DeviceId[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const id of deviceIds) {
    const more = literal(id).length + 1;
    if (length + more > MOST_CHARACTERS) {
      parts.push([]);
      length = deviceCondition([]).length;
    }
    parts.at(-1)?.push(id);
    length += more;
  }
  return parts.map((part) => ({ deviceIds: part, condition: deviceCondition(part) }));
}

/** The condition that picks exactly these devices, however long. */
export function deviceCondition(deviceIds: readonly DeviceId[]): string {
  return `deviceId IN [${deviceIds.map(literal).join(",")}]`;
}

/** Device ids hold single quotes, never double ones or backslashes: so there is always a quote that needs no escape. */
function literal(id: DeviceId): string {
  return id.includes("'") ? `"${id}"` : `'${id}'`;
}
