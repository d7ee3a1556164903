import { Etag } from "../../domain/ids";
import { problem, type Problem } from "../../domain/outcome";

/**
 * The version that a change is meant for, out of the header `If-Match` (RFC 9110 §13.1.1). One strong ETag: `*` would
 * overwrite what nobody has looked at. Problems: `etag-needed`, `invalid-if-match`.
 */
export function readIfMatch(header: string | undefined): { readonly etag: Etag } | Problem {
  if (header === undefined)
    return problem(428, "etag-needed", "read the device first, and send its ETag as If-Match with the change");
  const [, text] = /^"([\x21\x23-\x7e]{1,128})"$/.exec(header.trim()) ?? [];
  return text === undefined
    ? problem(400, "invalid-if-match", 'If-Match takes one ETag as it was answered, in double quotes; "*" is not taken')
    : { etag: Etag.parse(text) };
}
