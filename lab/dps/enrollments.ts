import type { ApiRequest, ApiResponse, ServiceOperation } from "./api";
import { header } from "./api";
import type { DpsContext } from "./context";
import { keyOf, type EnrollmentGroup, type Entry, type IndividualEnrollment } from "./entries";
import { readGroup, readIndividual } from "./entry-input";
import { idPattern } from "./entry-schema";
import { dpsErrors } from "./errors";
import type { PagedMap } from "./paged-map";
import { dpsLimits } from "./quotas";
import { checkEtag, checkQuery, jsonBody, pageAnswer, paging } from "./requests";
import { attestationView, entryView } from "./views";

/** The two kinds of entries as the service API treats them alike. */
interface EntryKind {
  readonly faultName: "dps.enrollment" | "dps.group";
  readonly itemType: string;
  /** The property of the body that has to agree with the path. */
  readonly idProperty: "registrationId" | "enrollmentGroupId";
  entries(context: DpsContext): PagedMap<IndividualEnrollment> | PagedMap<EnrollmentGroup>;
  read(body: unknown, existing: Entry | undefined, context: DpsContext): Entry;
  notFound(): Error;
  exists(): Error;
}

const individual: EntryKind = {
  faultName: "dps.enrollment",
  itemType: "enrollment",
  idProperty: "registrationId",
  entries: ({ store }) => store.enrollments,
  read: (body, existing, { store }) =>
    readIndividual(body, existing?.kind === "individual" ? existing : undefined, store.entryContext()),
  notFound: dpsErrors.enrollmentNotFound,
  exists: dpsErrors.enrollmentExists,
};

const group: EntryKind = {
  faultName: "dps.group",
  itemType: "enrollmentGroup",
  idProperty: "enrollmentGroupId",
  entries: ({ store }) => store.groups,
  read: (body, existing, { store }) =>
    readGroup(body, existing?.kind === "group" ? existing : undefined, store.entryContext()),
  notFound: dpsErrors.groupNotFound,
  exists: dpsErrors.groupExists,
};

/** Finds the operation on individual enrollments or groups that a request asks for; throws DpsError 404 or 405. */
export function entryOperation(
  kindName: "individual" | "group",
  request: ApiRequest,
  context: DpsContext,
): ServiceOperation {
  const kind = kindName === "individual" ? individual : group;
  const [, id, verb, ...more] = request.segments;
  if (id === undefined || more.length > 0) throw dpsErrors.noSuchResource();
  if (verb !== undefined) {
    if (verb.toLowerCase() !== "attestationmechanism") throw dpsErrors.noSuchResource();
    if (request.method !== "POST") throw dpsErrors.methodNotAllowed();
    return operation(kind, "attestation", "EnrollmentWrite", id, false, () => mechanism(kind, id, context));
  }
  switch (request.method) {
    case "GET":
      return operation(kind, "get", "EnrollmentRead", id, false, () => ({
        status: 200,
        body: view(existingEntry(kind, id, context), context),
      }));
    case "PUT":
      return operation(kind, "put", "EnrollmentWrite", id, true, (commit) => {
        const ifMatch = header(request, "if-match");
        return { status: 200, body: view(put(kind, id, jsonBody(request), ifMatch, context, commit), context) };
      });
    case "DELETE":
      return operation(kind, "delete", "EnrollmentWrite", id, true, (commit) => {
        remove(kind, id, header(request, "if-match"), context, commit);
        return { status: 204 };
      });
    case "POST":
      if (id.toLowerCase() !== "query") throw dpsErrors.methodNotAllowed();
      return operation(kind, "query", "EnrollmentRead", "", false, () => {
        checkQuery(jsonBody(request));
        const { from, limit } = paging(request);
        const page = kind.entries(context).page(from, limit);
        return pageAnswer({ ...page, items: page.items.map((entry) => view(entry, context)) }, kind.itemType);
      });
    default:
      throw dpsErrors.methodNotAllowed();
  }
}

/** Creates or replaces an entry. Without If-Match it must not exist yet. Throws DpsError. */
export function putEntry(
  kindName: "individual" | "group",
  id: string,
  body: unknown,
  ifMatch: string | undefined,
  context: DpsContext,
  commit: boolean,
): Entry {
  return put(kindName === "individual" ? individual : group, id, body, ifMatch, context, commit);
}

/** Throws DpsError 404 or 412. */
export function deleteEntry(
  kindName: "individual" | "group",
  id: string,
  ifMatch: string | undefined,
  context: DpsContext,
  commit: boolean,
): void {
  remove(kindName === "individual" ? individual : group, id, ifMatch, context, commit);
}

function operation(
  kind: EntryKind,
  verb: string,
  right: ServiceOperation["right"],
  subject: string,
  write: boolean,
  run: (commit: boolean) => ApiResponse,
): ServiceOperation {
  return { name: `${kind.faultName}.${verb}`, subject, write, right, run };
}

function put(
  kind: EntryKind,
  id: string,
  body: unknown,
  ifMatch: string | undefined,
  context: DpsContext,
  commit: boolean,
): Entry {
  if (!idPattern.test(id)) throw dpsErrors.badRequest(`'${id}' is not a valid ${kind.idProperty}.`);
  const existing = kind.entries(context).get(keyOf(id));
  if (existing) {
    if (ifMatch === undefined) throw kind.exists();
    checkEtag(ifMatch, existing.etag);
  } else if (ifMatch !== undefined && context.switches.ifMatchOnMissing !== "creates") {
    throw context.switches.ifMatchOnMissing === "412" ? dpsErrors.etagInvalid() : kind.notFound();
  }
  const entry = kind.read(body, existing, context);
  if (keyOf(idIn(body, kind.idProperty)) !== keyOf(id)) {
    throw dpsErrors.badRequest(`The ${kind.idProperty} of the body is not that of the path.`);
  }
  if (!existing) checkRoom(kind, context);
  if (entry.kind === "group" && context.switches.groupWithUsedCa === "conflict") {
    if (context.store.groupSharing(entry.attestation, id)) throw dpsErrors.caInUse();
  }
  if (commit) context.store.putEntry(entry);
  return entry;
}

function remove(kind: EntryKind, id: string, ifMatch: string | undefined, context: DpsContext, commit: boolean): void {
  const existing = existingEntry(kind, id, context);
  checkEtag(ifMatch, existing.etag);
  if (commit) context.store.deleteEntry(existing);
}

function mechanism(kind: EntryKind, id: string, context: DpsContext): ApiResponse {
  return { status: 200, body: attestationView(existingEntry(kind, id, context).attestation, true) };
}

function existingEntry(kind: EntryKind, id: string, context: DpsContext): Entry {
  const entry = kind.entries(context).get(keyOf(id));
  if (!entry) throw kind.notFound();
  return entry;
}

function view(entry: Entry, { store }: DpsContext) {
  return entryView(entry, entry.kind === "individual" ? store.registrations.get(keyOf(entry.id)) : undefined);
}

function checkRoom(kind: EntryKind, context: DpsContext): void {
  const limit = kind === group ? dpsLimits.groups : dpsLimits.enrollments;
  if (kind.entries(context).size >= limit) throw dpsErrors.quotaReached(`${kind.itemType}s`);
}

function idIn(body: unknown, property: EntryKind["idProperty"]): string {
  const value =
    typeof body === "object" && body !== null ? Object.entries(body).find(([key]) => key === property) : undefined;
  return typeof value?.[1] === "string" ? value[1] : "";
}
