import { invalid } from "../errors";
import type { HubRequest, HubResponse } from "../route";

/** Microsoft docs: a page holds at most 100 items, whatever is asked. */
export const largestPage = 100;

/** Where a query goes on; the text is opaque to clients. */
export interface PageRequest {
  readonly size: number;
  readonly position: number;
}

export function pageRequestOf({ headers }: HubRequest): PageRequest {
  const asked = headers["x-ms-max-item-count"];
  const size = typeof asked === "string" && asked !== "" ? Number(asked) : largestPage;
  if (!Number.isInteger(size) || size < 1) throw invalid("x-ms-max-item-count must be a positive number.");
  const token = headers["x-ms-continuation"];
  if (typeof token !== "string" || token === "") return { size: Math.min(size, largestPage), position: 0 };
  const position = Number(/^p(\d+)$/.exec(Buffer.from(token, "base64").toString("utf8"))?.[1] ?? Number.NaN);
  if (!Number.isInteger(position)) throw invalid("x-ms-continuation is not a token of this hub.");
  return { size: Math.min(size, largestPage), position };
}

/** A page; the continuation header is there only when more may follow: an SDK loops for ever on an empty one. */
export function pageResponse(items: unknown[], itemType: string, next: number | undefined): HubResponse {
  return {
    status: 200,
    body: items,
    headers: {
      "x-ms-item-type": itemType,
      ...(next === undefined ? {} : { "x-ms-continuation": Buffer.from(`p${next}`).toString("base64") }),
    },
  };
}

/** One page of a list that is at hand. */
export function pageOf<T>(
  all: readonly T[],
  { size, position }: PageRequest,
): { items: T[]; next: number | undefined } {
  const items = all.slice(position, position + size);
  return { items, next: position + size < all.length ? position + size : undefined };
}
