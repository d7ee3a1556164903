import type { Evidence, Knock, StatedDevice } from "../evidence";

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

/** Tries at either door with one of these certificates, oldest first. */
export function triesWith({ knocks }: Evidence, thumbprints: readonly string[]): readonly Knock[] {
  const sorted = sortedOut(byThumbprint, knocks, ({ thumbprint }) => thumbprint);
  return thumbprints.flatMap((thumbprint) => sorted.get(thumbprint) ?? []).sort((one, other) => one.at - other.at);
}

/** Tries at either door in this name, oldest first. */
export function triesOf({ knocks }: Evidence, subject: string): readonly Knock[] {
  return sortedOut(bySubject, knocks, (knock) => knock.subject).get(subject) ?? [];
}

type SortedOut = ReadonlyMap<string, readonly Knock[]>;
const byThumbprint = new WeakMap<readonly Knock[], SortedOut>();
const bySubject = new WeakMap<readonly Knock[], SortedOut>();

/** Once per run: claims ask for every device, and of thousands of devices there are tens of thousands of tries. */
function sortedOut(
  known: WeakMap<readonly Knock[], SortedOut>,
  knocks: readonly Knock[],
  keyOf: (knock: Knock) => string | undefined,
): SortedOut {
  const before = known.get(knocks);
  if (before !== undefined) return before;
  const sorted = new Map<string, Knock[]>();
  for (const knock of knocks) {
    const key = keyOf(knock);
    const others = key === undefined ? undefined : sorted.get(key);
    if (others !== undefined) others.push(knock);
    else if (key !== undefined) sorted.set(key, [knock]);
  }
  known.set(knocks, sorted);
  return sorted;
}
