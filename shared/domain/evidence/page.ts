import { z } from "zod";
import { DeviceCounts } from "../roll/device-state";
import { canonical } from "./canonical";
import type { DeviceLine, EvidenceLine, Link } from "./lines";
import { CHAIN_START, EMPTY, Frontier, grow, Hash, type EvidenceHashes } from "./merkle";

/** What ties a report together so far: all that its next page needs of those before. */
export const EvidenceTies = z.object({
  frontier: Frontier,
  chainHead: Hash,
  /** Linked lines. */
  journal: z.int().nonnegative(),
});
export type EvidenceTies = z.infer<typeof EvidenceTies>;

export const UNTIED: EvidenceTies = { frontier: EMPTY, chainHead: CHAIN_START, journal: 0 };

/** What the devices of a page, or of all pages, add up to. */
export const EvidenceSums = z.object({
  devices: z.int().nonnegative(),
  counts: DeviceCounts,
  exposed: z.int().nonnegative(),
  /** How long devices were exposed, milliseconds, and how many for just as long. */
  windows: z.array(z.tuple([z.int().nonnegative(), z.int().positive()])),
});
export type EvidenceSums = z.infer<typeof EvidenceSums>;

/** A page as it is remembered: the ties after it, the sums of it alone. */
export const EvidencePage = z.object({ ties: EvidenceTies, sums: EvidenceSums });
export type EvidencePage = z.infer<typeof EvidencePage>;

/** Links lines to those before them; lines of other kinds pass. Answers their canonical texts. */
export function linkLines(
  before: Pick<EvidenceTies, "chainHead">,
  lines: readonly (Link | Exclude<EvidenceLine, { chain: string }>)[],
  { link }: Pick<EvidenceHashes, "link">,
): string[] {
  let chain = before.chainHead;
  return lines.map((line) => {
    if (line.kind === "request" || line.kind === "device") return canonical(line);
    chain = link(chain, canonical(line));
    return canonical({ ...line, chain });
  });
}

/** Reads a report's lines in their order and keeps what follows from them. */
export class EvidenceTally {
  private readonly counts: DeviceCounts = {};
  private readonly windows = new Map<number, number>();
  private devices = 0;
  private exposed = 0;

  constructor(
    private readonly hashes: EvidenceHashes,
    private ties: EvidenceTies = UNTIED,
  ) {}

  /** Takes a line with its text. False: it is not linked to the line before. */
  take(line: EvidenceLine, text: string): boolean {
    const { chainHead, journal } = this.ties;
    const frontier = grow(this.ties.frontier, this.hashes.leaf(text), this.hashes);
    if (line.kind === "device") this.add(line);
    if (line.kind === "device" || line.kind === "request") {
      this.ties = { ...this.ties, frontier };
      return true;
    }
    const { chain, ...link } = line;
    this.ties = { frontier, chainHead: chain, journal: journal + 1 };
    return this.hashes.link(chainHead, canonical(link)) === chain;
  }

  get page(): EvidencePage {
    const { devices, counts, exposed, windows, ties } = this;
    return { ties, sums: { devices, counts, exposed, windows: [...windows] } };
  }

  private add({ state, exposed, exposedMs }: DeviceLine): void {
    this.devices += 1;
    this.counts[state] = (this.counts[state] ?? 0) + 1;
    if (exposed !== undefined) this.exposed += 1;
    if (exposedMs !== undefined) this.windows.set(exposedMs, (this.windows.get(exposedMs) ?? 0) + 1);
  }
}
