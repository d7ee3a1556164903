/** Something that is measured and printed; never asserted, because machines are noisy. */
export interface Bench {
  /** What `npm run bench -- NAME` calls it. */
  readonly name: string;
  /** One line: what is measured. */
  readonly summary: string;
  run(print: (line: string) => void): Promise<void>;
}
