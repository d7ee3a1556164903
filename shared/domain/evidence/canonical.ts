/**
 * The one text of a JSON value: no white space, properties sorted by code unit, numbers and strings as ECMAScript writes
 * them (RFC 8785). What is absent or undefined is left out. Two values are equal if and only if their texts are.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return primitive(value);
  const properties = Object.entries(value).filter(([, one]) => one !== undefined);
  properties.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${properties.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(",")}}`;
}

function primitive(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError("JSON knows no such number");
  return JSON.stringify(value ?? null);
}
