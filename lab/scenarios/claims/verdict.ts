import type { Evidence, StatedDevice } from "../evidence";

export interface Verdict {
  /** What is wrong; undefined when the claim holds. */
  readonly complaint: string | undefined;
  /** What to say when it holds. */
  readonly sentence: string;
}

/** Decides one claim from the evidence of a run, and from nothing else. */
export type Judge = (evidence: Evidence) => Verdict;

/** What the product says of a device, as part of a sentence. */
export function describe(stated: StatedDevice | undefined): string {
  if (stated === undefined) return "unknown to the roll";
  return stated.detail === undefined ? stated.state : `${stated.state}: ${stated.detail}`;
}

/** The first of the complaints there are, and how many more. */
export function first(complaints: readonly (string | undefined)[]): string | undefined {
  const found = complaints.filter((complaint) => complaint !== undefined);
  const more = found.length - 1;
  return more > 0 ? `${found[0] ?? ""} (and ${more} more like it)` : found[0];
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

/** The devices that can be proven. */
export function rollable({ rolled }: Evidence): Evidence["rolled"] {
  return rolled.filter(({ leftOut }) => leftOut === undefined);
}
