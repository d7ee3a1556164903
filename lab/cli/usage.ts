/** The command line makes no sense; the message says why, and `main` adds how to use it. Exit code 2. */
export class UsageError extends Error {}

/** Runs a parser of arguments; whatever it throws becomes a UsageError with the same sentence. */
export function orUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * A whole number out of an option.
 * @throws UsageError when the text is none or out of range.
 */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}, not '${text}'.`);
}
