import type { Screen } from "./scenarios/display";

/** The process's own output: painted over when it is a terminal, line by line when it is not (a pipe, a CI log). */
export function processScreen(): Screen {
  const { stdout } = process;
  const print = (line: string): void => {
    stdout.write(`${line}\n`);
  };
  if (!stdout.isTTY) return { print };
  return {
    print,
    terminal: {
      write: (text) => {
        stdout.write(text);
      },
      rows: () => stdout.rows,
      columns: () => stdout.columns,
    },
  };
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends the process as it would have without this. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
