import { z } from "zod";

/**
 * A moment: milliseconds since 1970-01-01T00:00:00Z. Everything inside the product carries time in this form; ISO 8601
 * text with `Z` appears only at the edges (HTTP bodies, Azure's answers, reports).
 */
export const Instant = z.int().nonnegative().brand<"Instant">();
export type Instant = z.infer<typeof Instant>;

/** The moment `ms` milliseconds after 1970-01-01T00:00:00Z; fractions are cut off. */
export function instant(ms: number): Instant {
  return Instant.parse(Math.floor(ms));
}

/**
 * Reads ISO 8601 or RFC 1123 text, as Azure writes them; digits below the millisecond are cut off.
 * Answers undefined for text that is no date and for .NET's "never" (year 1).
 */
export function parseInstant(text: string): Instant | undefined {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms >= 0 ? instant(ms) : undefined;
}

/** ISO 8601 in UTC with milliseconds, such as `2026-01-01T00:00:00.000Z`. */
export function formatInstant(at: Instant): string {
  return new Date(at).toISOString();
}

export function addMs(at: Instant, ms: number): Instant {
  return instant(at + ms);
}
