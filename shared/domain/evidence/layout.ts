import { canonical } from "./canonical";
import type { EvidenceSeal, EvidenceSignature, EvidenceSigner } from "./lines";

// A report is one JSON document, laid out so that it can be written and checked line by line, however long it is:
//
//   {"lines":[
//   <line>,
//   <line>
//   ],
//   "seal":<seal>,
//   "signature":<signature or null>}
//
// Every value is in its canonical form. There is exactly one text for one content: a changed byte changes what is said, or
// leaves the layout.

export const OPENING = '{"lines":[';
export const CLOSING = "],";
export const SEAL = '"seal":';
export const SIGNATURE = '"signature":';

/** The report's beginning, with its first page of lines. */
export function firstPart(lines: readonly string[]): string {
  return `${OPENING}\n${lines.join(",\n")}`;
}

/** A later page of lines. */
export function furtherPart(lines: readonly string[]): string {
  return lines.map((line) => `,\n${line}`).join("");
}

export function lastPart(seal: EvidenceSeal, signature: EvidenceSignature | undefined): string {
  return `\n${CLOSING}\n${SEAL}${canonical(seal)},\n${SIGNATURE}${canonical(signature ?? null)}}\n`;
}

/** What a signature is over. */
export function signedText(seal: EvidenceSeal, signer: EvidenceSigner): string {
  return canonical({ seal, signer });
}
