import type { EvidenceSigner } from "../domain/evidence/lines";
import type { RollId } from "../domain/ids";

/** Lines of reports. Throws `RollError` when storage does not answer. */
export interface EvidenceStore {
  /** Keeps a page of lines; the first write stands. Answers what stands. */
  putPage(rollId: RollId, page: number, lines: readonly string[]): Promise<readonly string[]>;
  /** Undefined: there is no such page. */
  readPage(rollId: RollId, page: number): Promise<readonly string[] | undefined>;
}

/** Signs reports; the key never leaves its keeper. */
export interface EvidenceKey {
  readonly signer: EvidenceSigner;
  /** The signature over the text's UTF-8, base64. Throws `RollError` when the key's keeper does not answer or refuses. */
  sign(text: string): Promise<string>;
}
