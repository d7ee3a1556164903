import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultSwitches } from "../../../lab/dps/switches";

const text = readFileSync(join(__dirname, "../../../lab/dps/fidelity.md"), "utf8");
const sources = new Map(
  ["dps", "pki"].flatMap((folder) =>
    readdirSync(join(__dirname, "..", folder)).map((file): [string, string] => [
      folder === "pki" ? "pki" : file.replace(/(\.test)?\.ts$/, ""),
      readFileSync(join(__dirname, "..", folder, file), "utf8"),
    ]),
  ),
);

const tables = text
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [title = "", ...lines] = section.split("\n");
    const rows = lines.filter((line) => line.startsWith("|")).map((line) => line.split("|").slice(1, -1));
    return { title, rows: rows.slice(2).map((row) => row.map((cell) => cell.trim())) };
  });

test("every switch has a row", () => {
  const { quotas, ...single } = defaultSwitches();
  const names = [...Object.keys(single), ...Object.keys(quotas).map((name) => `quotas.${name}`)];
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test("every row has a test that is there, or says that the rule is not emulated", () => {
  const rows = tables.flatMap(({ rows }) => rows);
  expect(rows.length).toBeGreaterThan(80);
  for (const row of rows) {
    const tests = row.at(-1) ?? "";
    if (tests === "" && /not emulated|hub's part/.test(row.join(" "))) continue;
    // `file "part of a name"`, separated by commas outside the quotes.
    const named = [...tests.matchAll(/([a-z-]+)(?: \([a-z]+\))?(?: "([^"]+)")?(?:, |$)/g)];
    expect({ row: row[0], tests: named.length > 0 }).toEqual({ row: row[0], tests: true });
    for (const [, file = "", name = ""] of named) {
      expect({ row: row[0], file, known: sources.has(file) }).toEqual({ row: row[0], file, known: true });
      expect({ row: row[0], name, known: sources.get(file)?.includes(name) }).toEqual({
        row: row[0],
        name,
        known: true,
      });
    }
  }
});
