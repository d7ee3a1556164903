import type { z } from "zod";
import { problem, type Problem } from "../domain/outcome";

/** The query of a request, each name once. */
export type Query = Readonly<Record<string, string>>;

/** Reads a query by its schema; a name it does not know is a fault as well. Problem: `invalid-query`. */
export function readQuery<T>(
  schema: z.ZodType<T>,
  query: Query,
): { readonly outcome: "read"; readonly value: T } | Problem {
  const parsed = schema.safeParse(query);
  if (parsed.success) return { outcome: "read", value: parsed.data };
  const issues = parsed.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join("."), message }));
  return problem(400, "invalid-query", "the query cannot be answered; see issues", issues);
}
