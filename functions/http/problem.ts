import type { HttpResponseInit, InvocationContext } from "@azure/functions";
import type { Problem } from "../../shared/domain/outcome";

/** RFC 9457 problem details; the only place where they are written. */
export function problemResponse(
  { status, code, detail, issues }: Problem,
  headers: Record<string, string> = {},
): HttpResponseInit {
  return {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
    jsonBody: {
      type: `urn:rollcall:problem:${code}`,
      title: code,
      status,
      code,
      detail,
      ...(issues ? { issues } : {}),
    },
  };
}

export function jsonResponse(status: number, body: unknown, headers: Record<string, string> = {}): HttpResponseInit {
  return { status, headers: { "cache-control": "no-store", ...headers }, jsonBody: body };
}

/**
 * Runs a handler; what nobody foresaw becomes a bare 500 with the invocation's id, so that internals stay inside and an
 * operator can still find the log line.
 */
export async function guarded(
  context: InvocationContext,
  handle: () => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  try {
    return await handle();
  } catch (error) {
    context.error(error);
    return {
      status: 500,
      headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
      jsonBody: {
        type: "urn:rollcall:problem:internal",
        title: "internal",
        status: 500,
        code: "internal",
        detail: "this should not have happened; the app's log has more under this id",
        correlationId: context.invocationId,
      },
    };
  }
}
