import { duplexPair, type Duplex } from "node:stream";

/**
 * Two ends of a connection without a socket: what is written to one is read from the other, and when one is destroyed
 * the other closes too (Node's own pair does not pass that on, so a cut connection would look alive for ever).
 */
export function memoryPair(): [Duplex, Duplex] {
  const [left, right] = duplexPair();
  left.once("close", () => right.destroy());
  right.once("close", () => left.destroy());
  return [left, right];
}
