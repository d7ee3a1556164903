import { createHash, randomBytes } from "node:crypto";
import type { Entropy } from "../../ports/clock";

/** Randomness and hashing by node:crypto. */
export const nodeEntropy: Entropy = {
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
  sha256: (text) => createHash("sha256").update(text, "utf8").digest("hex").toUpperCase(),
};
