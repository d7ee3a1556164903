import type { Query } from "azure-iot-provisioning-service/dist/query";
import { z } from "zod";
import { Etag } from "../../domain/ids";
import { parseInstant, type Instant } from "../../domain/instant";
import type { RollError } from "../../domain/roll-error";
import type { EntryDeletion, EntryWrite } from "../../ports/entries";
import type { Page } from "../../ports/page";
import { callSdk, readBySdk, type CallOutcome } from "./sdk-call";
import { toRollError, unreadable, type ServiceFailure } from "./sdk-errors";

/** How DPS is named in errors. */
export const DPS = "DPS";

type Answer = CallOutcome<{ readonly responseBody: unknown }>;

/** Records per page of a query. */
const PAGE_SIZE = 100;

/** The value, or undefined where the service writes null or an empty string. */
export function optional<T extends z.ZodType>(schema: T) {
  return z
    .union([z.literal(""), schema])
    .nullish()
    .transform((value) => (value === "" || value === null ? undefined : value));
}

/** ISO 8601 text as DPS writes it; undefined where it is absent or year 1. */
export function moment(text: string | null | undefined): Instant | undefined {
  return text ? parseInstant(text) : undefined;
}

/** What `schema` makes of an answer. Throws `service-answer-unreadable`; `what` names the record. */
export function parsed<T extends z.ZodType>(schema: T, body: unknown, what: string): z.output<T> {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw unreadable(DPS, `${what}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
}

/** The body of the answer, undefined for a 404 of DPS, or a throw. */
export function foundOrMissing(answer: Answer): { readonly body: unknown } | undefined {
  if (answer.ok) return { body: answer.value.responseBody };
  if (saysMissing(answer.failure)) return undefined;
  throw toRollError(DPS, answer.failure);
}

/** A 404 with DPS's own error number: a bare one comes from something in between, and would pass for "all clear". */
export function saysMissing({ status, code }: ServiceFailure): boolean {
  return status === 404 && /^404\d{3}$/.test(code ?? "");
}

/** A page of a query, each record read by `read`. */
export async function readPage<T>(
  timeoutMs: number,
  query: () => Query,
  cursor: string | undefined,
  read: (record: unknown) => T,
): Promise<Page<T>> {
  const answer = await readBySdk(timeoutMs, async () => {
    const asked = query();
    // Without an argument the promise form would begin again whatever page the query stands at.
    const { responseBody } = await (cursor === undefined ? asked.next() : asked.next(cursor));
    return { records: responseBody, next: asked.continuationToken };
  });
  if (!answer.ok) {
    if (saysMissing(answer.failure)) return { items: [], next: undefined };
    throw toRollError(DPS, answer.failure);
  }
  const records = parsed(z.array(z.unknown()), answer.value.records, "page of a query");
  return { items: records.map(read), next: parsed(optional(z.string()), answer.value.next, "cursor of a query") };
}

/** A query for everything: DPS knows no other. */
export function everything(from: string): [query: { readonly query: string }, pageSize: number] {
  return [{ query: `SELECT * FROM ${from}` }, PAGE_SIZE];
}

const Written = z.looseObject({ etag: Etag, lastUpdatedDateTimeUtc: z.string().nullish() });
type Accepted = { readonly etag: Etag; readonly lastUpdatedAt: Instant | undefined };

/** What came of a guarded PUT. `what` names the record. */
export async function guardedPut(
  timeoutMs: number,
  what: string,
  send: () => Promise<{ responseBody: unknown }>,
): Promise<EntryWrite> {
  const answer = await callSdk(timeoutMs, send);
  if (answer.ok) return { outcome: "written", ...accepted(answer.value.responseBody, what) };
  return refusal(answer.failure);
}

/** What came of a guarded DELETE. */
export async function guardedDelete(timeoutMs: number, send: () => Promise<unknown>): Promise<EntryDeletion> {
  const answer = await callSdk(timeoutMs, send);
  return answer.ok ? { outcome: "deleted" } : refusal(answer.failure);
}

/**
 * What came of a PUT without If-Match, which DPS refuses (409) where the id is taken. A 409 may have other reasons too, so
 * a look at the record tells: `existing` answers it, or undefined.
 */
export async function createOnly<T>(
  timeoutMs: number,
  what: string,
  send: () => Promise<{ responseBody: unknown }>,
  existing: () => Promise<T | undefined>,
): Promise<
  | ({ readonly outcome: "created" } & Accepted)
  | { readonly outcome: "exists"; readonly existing: T }
  | { readonly outcome: "limit-reached" | "refused"; readonly detail: string }
> {
  const answer = await callSdk(timeoutMs, send);
  if (answer.ok) return { outcome: "created", ...accepted(answer.value.responseBody, what) };
  const { status, detail } = answer.failure;
  if (saysLimitReached(answer.failure)) return { outcome: "limit-reached", detail };
  if (status === 409 || status === 412) {
    const found = await existing();
    return found === undefined ? { outcome: "refused", detail } : { outcome: "exists", existing: found };
  }
  if (status === 400 || status === 413) return { outcome: "refused", detail };
  throw toRollError(DPS, answer.failure);
}

/** Azure documents the limits but not what a request beyond them gets; the words are the same in all its services. */
export function saysLimitReached({ status, detail }: ServiceFailure): boolean {
  return [400, 403, 409].includes(status ?? 0) && /\b(limit|quota|maximum)\b/i.test(detail);
}

function accepted(body: unknown, what: string): Accepted {
  const read = parsed(Written, body, what);
  return { etag: read.etag, lastUpdatedAt: moment(read.lastUpdatedDateTimeUtc) };
}

/** @throws RollError where no rule foresees it. */
function refusal(failure: ServiceFailure): Exclude<EntryDeletion, { outcome: "deleted" }> {
  const { status, detail } = failure;
  if (status === 412) return { outcome: "precondition-failed" };
  if (saysMissing(failure)) return { outcome: "missing" };
  if (status === 400 || status === 409 || status === 413) return { outcome: "refused", detail };
  const outage: RollError = toRollError(DPS, failure);
  throw outage;
}
