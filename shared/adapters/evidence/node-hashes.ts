import { createHash } from "node:crypto";
import type { EvidenceHashes } from "../../domain/evidence/merkle";

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);
const LINK = Buffer.from([2]);

/** Evidence hashes by Node's own SHA-256. */
export const nodeHashes: EvidenceHashes = {
  leaf: (text) => sha256(LEAF, Buffer.from(text, "utf8")),
  node: (left, right) => sha256(NODE, Buffer.from(left, "hex"), Buffer.from(right, "hex")),
  link: (before, text) => sha256(LINK, Buffer.from(before, "hex"), Buffer.from(text, "utf8")),
  nothing: sha256(),
};

function sha256(...parts: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").toUpperCase();
}
