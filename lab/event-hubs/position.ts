/** Where a reader wants to begin. */
export type StartPosition =
  | { readonly kind: "latest" }
  | { readonly kind: "offset" | "sequence-number"; readonly value: number; readonly inclusive: boolean }
  | { readonly kind: "enqueued-time"; readonly value: number };

/** What a reader that names no position gets: everything that is kept. */
export const earliest: StartPosition = { kind: "offset", value: -1, inclusive: false };

/**
 * Reads the selector that the Event Hubs SDKs put on a receiver, such as `amqp.annotation.x-opt-offset > '-1'`
 * (`@latest` in place of a number: only what comes from now on). Undefined: not a selector of Event Hubs.
 */
export function parsePosition(selector: string): StartPosition | undefined {
  const match = /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time(?:-utc)?) (>=?) '([^']*)'$/.exec(
    selector.trim(),
  );
  if (!match) return undefined;
  const [, field = "", operator, text = ""] = match;
  if (text === "@latest") return { kind: "latest" };
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) return undefined;
  if (field === "offset" || field === "sequence-number") return { kind: field, value, inclusive: operator === ">=" };
  return { kind: "enqueued-time", value };
}
