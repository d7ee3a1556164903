import { z } from "zod";
import type { ApiRequest, ApiResponse, ServiceOperation } from "./api";
import type { DpsContext } from "./context";
import { keyOf } from "./entries";
import { deleteEntry, putEntry } from "./enrollments";
import { describe } from "./entry-schema";
import { dpsErrorFor, dpsErrors, DpsError } from "./errors";
import { dpsLimits } from "./quotas";
import { jsonBody } from "./requests";

const item = z.looseObject({ etag: z.string().nullish() });
const modes = ["create", "update", "updateIfMatchETag", "delete"] as const;
type Mode = (typeof modes)[number];

/** Up to ten creations, updates or deletions in one call, each on its own: what fails is in `errors` of a 200. */
export function bulkOperation(
  kind: "individual" | "group",
  request: ApiRequest,
  context: DpsContext,
): ServiceOperation {
  if (request.method !== "POST") throw dpsErrors.methodNotAllowed();
  const faultName = kind === "individual" ? "dps.enrollment.bulk" : "dps.group.bulk";
  return {
    name: faultName,
    subject: "",
    write: true,
    right: "EnrollmentWrite",
    cost: context.switches.bulkCost === "one" ? 1 : Math.max(1, readQuietly(kind, request)),
    run: (commit) => bulk(kind, readBulk(kind, request), faultName, context, commit),
  };
}

interface Bulk {
  readonly mode: Mode;
  readonly items: readonly z.infer<typeof item>[];
}

function bulk(
  kind: "individual" | "group",
  { mode, items }: Bulk,
  faultName: string,
  context: DpsContext,
  commit: boolean,
): ApiResponse {
  const idProperty = kind === "individual" ? "registrationId" : "enrollmentGroupId";
  const errors = items.flatMap((body) => {
    const id = typeof body[idProperty] === "string" ? body[idProperty] : "";
    try {
      const effects = context.faults.take(`${faultName}.item`, id);
      const refusal = effects.find((effect) => effect.kind === "status");
      if (refusal?.kind === "status") throw dpsErrorFor(refusal.status);
      const ignored = effects.some((effect) => effect.kind === "acknowledged-not-done");
      one(kind, mode, id, body, context, commit && !ignored);
      return [];
    } catch (error) {
      const known = error instanceof DpsError ? error : dpsErrors.internal();
      return [{ [idProperty]: id, errorCode: known.errorCode, errorStatus: known.message }];
    }
  });
  return { status: 200, body: { isSuccessful: errors.length === 0, errors } };
}

function one(
  kind: "individual" | "group",
  mode: Mode,
  id: string,
  body: z.infer<typeof item>,
  context: DpsContext,
  commit: boolean,
): void {
  switch (mode) {
    case "create":
      putEntry(kind, id, body, undefined, context, commit);
      return;
    case "update":
      requireExisting(kind, id, context);
      putEntry(kind, id, body, "*", context, commit);
      return;
    case "updateIfMatchETag":
      requireExisting(kind, id, context);
      putEntry(kind, id, body, body.etag ?? "", context, commit);
      return;
    case "delete":
      deleteEntry(kind, id, undefined, context, commit);
  }
}

function requireExisting(kind: "individual" | "group", id: string, { store }: DpsContext): void {
  if (kind === "individual" && !store.enrollments.get(keyOf(id))) throw dpsErrors.enrollmentNotFound();
  if (kind === "group" && !store.groups.get(keyOf(id))) throw dpsErrors.groupNotFound();
}

/** Throws DpsError 400 for a call that is refused as a whole. */
function readBulk(kind: "individual" | "group", request: ApiRequest): Bulk {
  const parsed = z
    .object({ mode: z.string(), enrollments: z.array(item).nullish(), enrollmentGroups: z.array(item).nullish() })
    .safeParse(jsonBody(request));
  if (!parsed.success) throw dpsErrors.badRequest(describe(parsed.error));
  const items = (kind === "individual" ? parsed.data.enrollments : parsed.data.enrollmentGroups) ?? [];
  const wanted = parsed.data.mode.toLowerCase();
  const mode = modes.find((known) => known.toLowerCase() === wanted);
  if (!mode) throw dpsErrors.badRequest(`The mode is none of ${modes.join(", ")}.`);
  if (items.length === 0 || items.length > dpsLimits.bulkEnrollments) {
    throw dpsErrors.badRequest(`A bulk operation takes 1 to ${dpsLimits.bulkEnrollments} items.`);
  }
  return { mode, items };
}

function readQuietly(kind: "individual" | "group", request: ApiRequest): number {
  try {
    return readBulk(kind, request).items.length;
  } catch {
    return 1;
  }
}
