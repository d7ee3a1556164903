import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "../../..");
const page = readFileSync(join(root, "docs/errors.md"), "utf8");

function source(...folders: readonly string[]): string {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(root, folder, name)),
    )
    .filter((path) => path.endsWith(".ts"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

function matches(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))].sort();
}

/** Members of a union of string literals. */
function union(text: string, name: string): string[] {
  return matches(new RegExp(`type ${name} =([\\s\\S]*?";)`).exec(text)?.[1] ?? "", /\| "([a-z0-9-]+)"/g);
}

const domain = source("shared/domain");
const all = domain + source("shared/use-cases", "shared/steps", "functions");

describe("docs/errors.md", () => {
  it.each<[string, readonly string[], number]>([
    ["problem", matches(all, /problem\(\s*\d{3},\s*"([a-z0-9-]+)"/g), 13],
    ["refusal of the lint", matches(domain, /code: "([a-z0-9-]+)"/g), 12],
    ["refusal of the plan", matches(source("shared/steps", "shared/use-cases"), /refused\(\s*"([a-z0-9-]+)"/g), 3],
    ["failure", union(domain, "RollErrorCode"), 7],
    ["rule of the proof", union(domain, "ProofRule"), 5],
    ["warning", union(domain, "Warning"), 6],
    [
      "other word",
      ["internal", "private-key-in-input", "certificate-unreadable", "refused-by-dps", "authorities-unreadable"],
      5,
    ],
  ])("has every %s", (_what, codes, atLeast) => {
    expect(codes.length).toBeGreaterThanOrEqual(atLeast);
    expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });

  it("has no code that the program does not know", () => {
    const listed = matches(page, /^\| `([a-z0-9-]+)`/gm);
    expect(listed.length).toBeGreaterThan(40);
    expect(listed.filter((code) => !all.includes(`"${code}"`) && !all.includes(`:${code}"`))).toEqual([]);
  });
});
