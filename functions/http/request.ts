import { createHash } from "node:crypto";
import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import type { Query } from "../../shared/use-cases/query";
import { jsonResponse } from "./problem";

/** Without `code`, the host's own parameter: the function key may travel in it. */
export function queryOf({ query }: HttpRequest): Query {
  return Object.fromEntries([...query.entries()].filter(([name]) => name !== "code"));
}

/** Answers 304 where the sender has this very content already. */
export function unlessSame(request: HttpRequest, body: object): HttpResponseInit {
  const etag = `"${createHash("sha256").update(JSON.stringify(body)).digest("base64url").slice(0, 22)}"`;
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*"))
    return { status: 304, headers: { etag, "cache-control": "no-store" } };
  return jsonResponse(200, body, { etag });
}
