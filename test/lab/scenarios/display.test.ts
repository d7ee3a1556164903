import { liveTable, painter, render } from "../../../lab/scenarios/display";
import type { TableView } from "../../../lab/scenarios/display";

const view = (...states: string[]): TableView => ({
  title: "roll",
  headings: ["device", "state"],
  rows: states.map((state, index) => ({ key: `pump-${index}`, cells: [state] })),
  footer: ["end"],
});

test("a log tells each device once, and again only when it has changed", () => {
  const printed: string[] = [];
  const table = liveTable({ print: (line) => printed.push(line) });
  table.show(view("planned", "planned"));
  table.show(view("planned", "planned"));
  table.show(view("planned", "proven"));
  expect(printed).toEqual(["pump-0: planned", "pump-1: planned", "pump-1: proven"]);
});

test("a terminal is painted over from the first line of the last picture", () => {
  let written = "";
  const terminal = { write: (text: string) => (written += text), rows: () => 40, columns: () => 80 };
  const table = liveTable({ print: () => undefined, terminal });
  table.show(view("planned"));
  expect(written).not.toContain("\u001b[4A");
  table.show(view("proven"));
  expect(written).toContain("\u001b[4A");
  table.done();
  written = "";
  table.show(view("proven"));
  expect(written).not.toContain("A\r");
});

test("columns are as wide as what is seen of their cells", () => {
  const paint = painter({
    print: () => undefined,
    terminal: { write: () => undefined, rows: () => 9, columns: () => 9 },
  });
  const [, headings, row] = render({ ...view(paint("green", "ok")), headings: ["device", "s", "t"] }, 10);
  expect(headings).toBe("device  s   t");
  expect(row).toContain("\u001b[32mok\u001b[0m");
});

test("rows that do not fit are counted", () => {
  expect(render(view("a", "b", "c", "d"), 3)).toEqual([
    "roll",
    "device  state",
    "pump-0  a    ",
    "pump-1  b    ",
    "… and 2 more",
    "end",
  ]);
});

test("a line is cut at the edge of the terminal, its colour is still switched off", () => {
  let written = "";
  const terminal = { write: (text: string) => (written += text), rows: () => 40, columns: () => 10 };
  const screen = { print: () => undefined, terminal };
  liveTable(screen).show(view(painter(screen)("red", "a very long state")));
  expect(written).toContain("\u001b[2Kpump-0  \u001b[31ma \u001b[0m\n");
});
