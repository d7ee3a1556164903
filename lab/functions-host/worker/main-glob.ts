import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * The files a `main` pattern of package.json names, relative to the app folder, sorted. Understands what the Node
 * worker's patterns use: `*`, `**`, `?`, `{a,b}` and `[…]`; a plain path names itself. Never enters node_modules.
 */
export function matchMain(appDir: string, pattern: string): string[] {
  const clean = pattern.replace(/^\.\//, "");
  const direct = join(appDir, clean);
  if (existsSync(direct)) return statSync(direct).isFile() ? [clean] : matchMain(appDir, `${clean}/index.js`);
  if (!/[*?{[]/.test(clean)) return existsSync(`${direct}.js`) ? [`${clean}.js`] : [];
  const matcher = patternToRegExp(clean);
  return filesBelow(appDir, "").filter((file) => matcher.test(file));
}

function filesBelow(root: string, below: string): string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory())
        return entry.name === "node_modules" || entry.name === ".git" ? [] : filesBelow(root, path);
      return [path];
    })
    .sort();
}

function patternToRegExp(pattern: string): RegExp {
  let source = "";
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    if (char === "*" && pattern.startsWith("**/", at)) {
      source += "(?:[^/]+/)*";
      at += 2;
    } else if (char === "*") {
      source += "[^/]*";
    } else if (char === "?") {
      source += "[^/]";
    } else if (char === "{") {
      source += "(?:";
      depth += 1;
    } else if (char === "}" && depth > 0) {
      source += ")";
      depth -= 1;
    } else if (char === "," && depth > 0) {
      source += "|";
    } else if (char === "[" || char === "]") {
      source += char;
    } else {
      source += char.replace(/[.+^$()|\\]/g, "\\$&");
    }
  }
  return new RegExp(`^${source}$`);
}
