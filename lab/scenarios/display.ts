/** Where a scenario paints: a terminal that can be painted over, or a log that only grows. */
export interface Screen {
  print(line: string): void;
  /** Only for terminals: raw output, and how much fits. */
  readonly terminal?: { write(text: string): void; rows(): number; columns(): number };
}

export interface TableRow {
  /** What the row is about; rows of the same key are the same row. */
  readonly key: string;
  readonly cells: readonly string[];
}

export interface TableView {
  readonly title: string;
  readonly headings: readonly string[];
  readonly rows: readonly TableRow[];
  readonly footer: readonly string[];
}

/** A table that is painted again and again until it is done. */
export interface LiveTable {
  show(view: TableView): void;
  /** Leaves the last picture standing; what is printed next goes below it. */
  done(): void;
}

const paint = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

/** Colours a text on terminals, leaves it alone in logs. */
export function painter(screen: Screen): (colour: keyof typeof paint, text: string) => string {
  return (colour, text) => (screen.terminal === undefined ? text : `\u001b[${paint[colour]}m${text}\u001b[0m`);
}

/** In a terminal the table repaints in place; elsewhere each row is printed once, and again when it has changed. */
export function liveTable(screen: Screen): LiveTable {
  return screen.terminal === undefined ? changesOnly(screen) : repainting(screen.terminal);
}

function changesOnly(screen: Screen): LiveTable {
  const told = new Map<string, string>();
  return {
    show: (view) => {
      for (const row of view.rows) {
        const line = `${row.key}: ${row.cells.filter((cell) => cell !== "").join(", ")}`;
        if (told.get(row.key) === line) continue;
        told.set(row.key, line);
        screen.print(line);
      }
    },
    done: () => undefined,
  };
}

function repainting(terminal: NonNullable<Screen["terminal"]>): LiveTable {
  let painted = 0;
  return {
    show: (view) => {
      // One line stays free: a terminal scrolls when its last line is written to, and the cursor would lose its place.
      const room = Math.max(1, terminal.rows() - view.footer.length - 4);
      const lines = render(view, room).map((line) => clip(line, terminal.columns()));
      const up = painted === 0 ? "" : `\u001b[${painted}A`;
      terminal.write(`${up}\r${lines.map((line) => `\u001b[2K${line}\n`).join("")}\u001b[J`);
      painted = lines.length;
    },
    done: () => (painted = 0),
  };
}

/** The table as lines; at most `room` rows, the rest is counted. */
export function render(view: TableView, room: number): string[] {
  const shown = view.rows.length > room ? view.rows.slice(0, room - 1) : view.rows;
  const all = [view.headings, ...shown.map((row) => [row.key, ...row.cells])];
  const widths = view.headings.map((_, column) => Math.max(...all.map((line) => visible(line[column] ?? ""))));
  const format = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - visible(cell)))).join("  ");
  const hidden = view.rows.length - shown.length;
  return [
    view.title,
    format(view.headings),
    ...shown.map((row) => format([row.key, ...row.cells])),
    ...(hidden > 0 ? [`… and ${hidden} more`] : []),
    ...view.footer,
  ];
}

// eslint-disable-next-line no-control-regex -- escape sequences are what is looked for
const escapes = /\u001b\[[0-9;]*m/g;

function visible(text: string): number {
  return text.replace(escapes, "").length;
}

/** Cuts a line to `columns` visible characters, keeping every escape sequence so that no colour runs on. */
function clip(line: string, columns: number): string {
  if (visible(line) <= columns) return line;
  let left = columns;
  return line
    .split(/(\u001b\[[0-9;]*m)/) // eslint-disable-line no-control-regex -- as above
    .map((part) => {
      if (part.startsWith("\u001b")) return part;
      const kept = part.slice(0, Math.max(0, left));
      left -= part.length;
      return kept;
    })
    .join("");
}
