import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { allSwitches } from "../../../lab/cli/switches";

const root = join(__dirname, "../../..");
const text = (path: string): string => readFileSync(join(root, path), "utf8");

interface Row {
  readonly table: string;
  readonly first: string;
  readonly cells: readonly string[];
  /** The last cell. */
  readonly test: string;
}

function rowsOf(path: string): Row[] {
  return text(path)
    .split(/^#+ /m)
    .flatMap((section) => {
      const [table = "", ...lines] = section.split("\n");
      const rows = lines.filter((line) => line.startsWith("|")).slice(2);
      return rows.map((line) => {
        const cells = line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim());
        return { table, first: cells[0] ?? "", cells, test: cells.at(-1) ?? "" };
      });
    });
}

/** The source of `folder/name.test.ts`, or of a part of the tests; undefined when there is none. */
function source(folder: string, name: string): string | undefined {
  const paths = [".test.ts", ".ts"].map((end) => `test/lab/${name.includes("/") ? name : `${folder}/${name}`}${end}`);
  const path = paths.find((candidate) => existsSync(join(root, candidate)));
  return path === undefined ? undefined : text(path);
}

/**
 * Whether a cell names tests: `file`, `file: part of a name` or `file "part of a name"`, separated by commas; a piece
 * that is no file is one more part of a name in the file before it.
 */
function namesTests(folder: string, cell: string): boolean {
  let file: string | undefined;
  const pieces = cell
    .replace(/\([^)]*\)/g, "")
    .split(",")
    .map((piece) => piece.trim());
  return pieces.every((piece) => {
    const [, name = "", part = ""] = /^([\w/-]+)(?:: | ")?(.*?)"?$/.exec(piece) ?? [];
    const found = source(folder, name);
    if (found === undefined) return file?.includes(piece) ?? false;
    file = found;
    return found.includes(part.trim());
  });
}

const notEmulated = (row: Row): boolean => /not emulated/.test(row.cells.join(" "));
const untold = (rows: readonly Row[], folder: string): string[] =>
  rows
    .filter((row) => !(row.test === "" && notEmulated(row)) && !namesTests(folder, row.test))
    .map(({ first }) => first);

const elsewhere = rowsOf("lab/FIDELITY.md").filter(({ table }) => table.startsWith("Rows of the services"));

test("IoT Hub: every row names tests that are there, or says that the rule is not emulated", () => {
  const rows = rowsOf("lab/iot-hub/fidelity.md").filter(({ table }) => !table.startsWith("Traps"));
  expect(rows.length).toBeGreaterThan(50);
  const none = rows.filter(({ test }) => test === "none");
  expect(none.map(({ first }) => first)).toEqual(elsewhere.map(({ cells }) => cells[1]));
  expect(
    untold(
      rows.filter((row) => !none.includes(row)),
      "iot-hub",
    ),
  ).toEqual([]);
});

test("IoT Hub: each trap of the SDKs names a file that is there", () => {
  const traps = rowsOf("lab/iot-hub/fidelity.md").filter(({ table }) => table.startsWith("Traps"));
  expect(traps.length).toBeGreaterThan(5);
  for (const { test } of traps)
    expect([test, source("iot-hub", /^[\w-]+/.exec(test)?.[0] ?? "")]).not.toContain(undefined);
});

test("Event Hubs: every row names a test by part of its name, or says that the rule is not emulated", () => {
  const rows = rowsOf("lab/event-hubs/fidelity.md");
  expect(rows.length).toBeGreaterThan(10);
  const tests = text("test/lab/event-hubs/event-hubs.test.ts");
  const bad = rows.filter(
    (row) => !(row.test === "" ? notEmulated(row) : row.test === "all" || tests.includes(row.test)),
  );
  expect(bad.map(({ first }) => first)).toEqual([]);
});

test("Functions host: every row of what is as in Azure names tests that are there", () => {
  const rows = rowsOf("lab/functions-host/fidelity.md").filter(({ table }) => table.startsWith("As in Azure"));
  expect(rows.length).toBeGreaterThan(8);
  expect(untold(rows, "functions-host")).toEqual([]);
  expect(source("functions-host", "traps")).toBeDefined();
});

test("FIDELITY.md: its own rows, and the tests that stand elsewhere, are there; so are the files it sends to", () => {
  const own = rowsOf("lab/FIDELITY.md").filter(({ table }) => table.startsWith("All services"));
  expect(own.length).toBeGreaterThan(5);
  expect(untold([...own, ...elsewhere], "cli")).toEqual([]);
  const links = [...text("lab/FIDELITY.md").matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  expect(links).toHaveLength(4);
  for (const link of links) expect([link, existsSync(join(root, "lab", link))]).toEqual([link, true]);
});

test("every switch of the command line has a row in its service's table", () => {
  const files = { dps: "dps", hub: "iot-hub", events: "event-hubs" };
  const missing = allSwitches().filter(({ name }) => {
    const [service = "", ...rest] = name.split(".");
    const folder = Object.entries(files).find(([prefix]) => prefix === service)?.[1] ?? "";
    const table = text(`lab/${folder}/fidelity.md`);
    // One row is for all throttles: they are of one kind.
    return !(table.includes(`\`${rest.join(".")}\``) || (rest[0] === "quotas" && table.includes("`quotas.timeScale`")));
  });
  expect(missing.map(({ name }) => name)).toEqual([]);
});
