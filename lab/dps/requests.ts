import { header, type ApiRequest, type ApiResponse } from "./api";
import { dpsErrors } from "./errors";
import type { Page } from "./paged-map";

/** The JSON body of a request; throws DpsError 415 or 400. */
export function jsonBody(request: ApiRequest): unknown {
  if (!/^application\/json\b/i.test(header(request, "content-type") ?? "")) throw dpsErrors.unsupportedMediaType();
  return parseJson(request.body.toString("utf8"));
}

/** Throws DpsError 400 when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw dpsErrors.badRequest("The request is not valid JSON.");
  }
}

/**
 * Compares If-Match with the etag of what exists. `*` matches all; an etag without its quotes does not match.
 * Throws DpsError 412.
 */
export function checkEtag(ifMatch: string | undefined, ...etags: string[]): void {
  if (ifMatch === undefined || ifMatch === "*" || etags.includes(ifMatch)) return;
  throw dpsErrors.etagInvalid();
}

const defaultPageSize = 100;
const largestPageSize = 1_000;

/** Where a query goes on and how much it wants; throws DpsError 400. */
export function paging(request: ApiRequest): { from: number; limit: number } {
  const asked = header(request, "x-ms-max-item-count");
  if (asked !== undefined && !/^[1-9]\d{0,8}$/.test(asked)) {
    throw dpsErrors.badRequest("x-ms-max-item-count is not a positive number.");
  }
  const token = header(request, "x-ms-continuation");
  const from = token === undefined || token === "" ? 0 : positionOf(token);
  return { from, limit: Math.min(asked === undefined ? defaultPageSize : Number(asked), largestPageSize) };
}

/** A page as an answer: the continuation header is there only when more exists, or clients would ask for ever. */
export function pageAnswer(page: Page<unknown>, itemType: string): ApiResponse {
  return {
    status: 200,
    body: page.items,
    headers: {
      "x-ms-item-type": itemType,
      "x-ms-max-item-count": String(page.items.length),
      ...(page.next === undefined ? {} : { "x-ms-continuation": tokenOf(page.next) }),
    },
  };
}

/** DPS queries know no conditions (Microsoft docs, dps-faq): `SELECT *` with or without FROM. Throws DpsError 400. */
export function checkQuery(body: unknown): void {
  const query = typeof body === "object" && body !== null && "query" in body ? body.query : undefined;
  if (typeof query !== "string" || !/^\s*select\s+\*(\s+from\s+\w+)?\s*;?\s*$/i.test(query)) {
    throw dpsErrors.badRequest("The query is not valid: only SELECT * is supported.");
  }
}

function tokenOf(position: number): string {
  return Buffer.from(JSON.stringify({ position })).toString("base64");
}

function positionOf(token: string): number {
  const match = /^\{"position":(\d{1,15})\}$/.exec(Buffer.from(token, "base64").toString("utf8"));
  if (!match) throw dpsErrors.badRequest("x-ms-continuation is not valid.");
  return Number(match[1]);
}
