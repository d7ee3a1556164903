/** Something that is measured and printed; never asserted, because machines are noisy. */
export interface Bench {
  /** What `npm run bench -- NAME` calls it. */
  readonly name: string;
  /** One line: what is measured. */
  readonly summary: string;
  /** What can be said behind its name; absent: nothing. */
  readonly help?: string;
  /** @param args what stands behind the name on the command line. */
  run(print: (line: string) => void, args?: readonly string[]): Promise<void>;
}
