/** A time as the data plane writes it, with the seven decimals of .NET: `2026-11-22T08:00:00.1230000Z`. */
export function dpsTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace("Z", "0000Z");
}

/** A time as certificate `info` has it, in whole seconds: `2026-11-22T08:00:00Z`. */
export function wholeSeconds(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A time as ARM writes it for CA certificates (RFC 1123): `Thu, 12 Oct 2017 19:23:50 GMT`. */
export function rfc1123(epochMs: number): string {
  return new Date(epochMs).toUTCString();
}
