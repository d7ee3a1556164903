import { z } from "zod";

/** SHA-256 as 64 upper-case hex digits. */
export const Hash = z.string().regex(/^[0-9A-F]{64}$/);
export type Hash = z.infer<typeof Hash>;

/**
 * The three uses of SHA-256 in evidence, kept apart by their first byte (RFC 6962 §2.1), so that no leaf can pass for a node
 * nor a link of the chain for either. Texts are hashed as UTF-8, hashes as their 32 bytes.
 */
export interface EvidenceHashes {
  /** SHA-256(0x00 | text) */
  leaf(text: string): Hash;
  /** SHA-256(0x01 | left | right) */
  node(left: Hash, right: Hash): Hash;
  /** SHA-256(0x02 | before | text) */
  link(before: Hash, text: string): Hash;
  /** SHA-256 of nothing: the root of a tree without leaves. */
  readonly nothing: Hash;
}

/** What a chain begins with. */
export const CHAIN_START: Hash = "0".repeat(64);

/**
 * A Merkle tree (RFC 6962 §2.1) while it grows: of all its leaves only the roots of the perfect subtrees they fill, largest
 * first. One hash per binary digit of the number of leaves, however many there are.
 */
export const Frontier = z.object({ leaves: z.int().nonnegative(), peaks: z.array(Hash).max(53) });
export type Frontier = z.infer<typeof Frontier>;

export const EMPTY: Frontier = { leaves: 0, peaks: [] };

/** The tree with one more leaf. */
export function grow({ leaves, peaks }: Frontier, leaf: Hash, { node }: Pick<EvidenceHashes, "node">): Frontier {
  const left = [...peaks];
  let top = leaf;
  for (let rest = leaves; rest % 2 === 1; rest = (rest - 1) / 2) top = node(left.pop() ?? top, top);
  return { leaves: leaves + 1, peaks: [...left, top] };
}

/** The Merkle tree hash over all leaves. */
export function rootOf({ peaks }: Frontier, { node, nothing }: Pick<EvidenceHashes, "node" | "nothing">): Hash {
  const [last = nothing, ...above] = [...peaks].reverse();
  return above.reduce((right, left) => node(left, right), last);
}
