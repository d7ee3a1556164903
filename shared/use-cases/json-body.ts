import type { z } from "zod";
import { problem, type Problem } from "../domain/outcome";

/**
 * Reads a JSON body by its schema. Problems: `payload-too-large`, `malformed-json`, and `code` with the places that do not
 * fit (never the values).
 */
export function readJsonBody<T>(
  body: Uint8Array,
  maxBytes: number,
  schema: z.ZodType<T>,
  code: string,
): { readonly outcome: "read"; readonly value: T; readonly text: string } | Problem {
  if (body.byteLength > maxBytes)
    return problem(
      413,
      "payload-too-large",
      `the body has ${body.byteLength} bytes, at most ${maxBytes} are read; split it`,
    );
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    json = JSON.parse(text);
  } catch {
    return problem(400, "malformed-json", "the body is not JSON in UTF-8");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { outcome: "read", value: parsed.data, text };
  const issues = parsed.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join("."), message }));
  return problem(400, code, "the body does not have the documented shape; see issues", issues);
}

/** The body's JSON, whatever it holds; undefined where it is none. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch {
    return undefined;
  }
}
