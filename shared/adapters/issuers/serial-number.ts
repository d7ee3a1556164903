import type { Entropy } from "../../ports/clock";

/**
 * Upper-case hex of sixteen random octets. The first is 40 to 7F, so that the number is positive and always of the same
 * length: 126 random bits, where RFC 5280 and the CA/Browser Forum want at least 64.
 */
export function newSerialNumber(entropy: Entropy): string {
  const octets = Buffer.from(entropy.randomHex(16), "hex");
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets.toString("hex").toUpperCase();
}
