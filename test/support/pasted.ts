import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApiRoute } from "../../shared/contract/api-route";
import { API_ROUTES, type ApiRouteName } from "../../shared/contract/api-routes";
import { repository, type Workplace } from "../lab/cli/lab-process";

/** A shell block of a page, with the heading above it. */
interface Block {
  readonly heading: string;
  readonly text: string;
}

/** A request that a pasted command made, and its answer. */
export interface Pasted {
  readonly status: number;
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

/** What came of pasting pages into a shell. */
export interface Paste {
  readonly code: number | null;
  /** What was printed below each heading. */
  readonly printed: ReadonlyMap<string, string>;
  readonly requests: readonly Pasted[];
}

/** Pastes the shell blocks of pages that `wanted` picks, in order, into one shell that stops at the first failure. */
export async function paste(
  place: Workplace,
  pages: readonly string[],
  wanted: (block: Block) => boolean,
): Promise<Paste> {
  const blocks = (await Promise.all(pages.map(blocksOf))).flat().filter(wanted);
  const script = blocks.map(({ heading, text }) => `printf '\n@@ %s\n' '${heading}'\n${text}`).join("\n");
  const ended = await place.shell(`PATH="$PWD/bin:$PATH"\n${script}`, await shims(place.folder));
  const printed = new Map<string, string>();
  for (const part of ended.output.split(/^@@ /m).slice(1)) {
    const heading = part.slice(0, part.indexOf("\n"));
    printed.set(heading, (printed.get(heading) ?? "") + part.slice(heading.length));
  }
  return { code: ended.code, printed, requests: await requestsIn(place.folder) };
}

async function blocksOf(page: string): Promise<Block[]> {
  const text = await readFile(join(repository, page), "utf8");
  let heading = "";
  return [...text.matchAll(/^#+ (.*)$|^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, title, block]) => {
    if (title !== undefined) heading = title;
    return block === undefined ? [] : [{ heading, text: block }];
  });
}

/** curl also keeps what it asked and was answered; `npm run verify` is the program that `npm test` has built. */
async function shims(folder: string): Promise<Record<string, string>> {
  const [bin, answers] = [join(folder, "bin"), join(folder, "answers")];
  await mkdir(bin);
  await mkdir(answers);
  const curl = execFileSync("sh", ["-c", "command -v curl"], { encoding: "utf8" }).trim();
  const note = "%{stderr}%{http_code} %{method} %{url_effective} '$body' %{content_type}\\n";
  const programs = {
    curl: `body=$(mktemp -p "$ANSWERS")\n${curl} "$@" -w '${note}' 2>>"$ANSWERS.log" | tee "$body"`,
    npm: `[ "$1 $2 $3" = "run verify --" ] || exit 2; shift 3; exec node ${join(repository, "dist/verify/main.js")} "$@"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return { ANSWERS: answers };
}

async function requestsIn(folder: string): Promise<Pasted[]> {
  const log = await readFile(join(folder, "answers.log"), "utf8");
  const lines = [...log.matchAll(/^(\d{3}) (\w+) http:\/\/[^/]+(\/\S*) (\S+) (.*)$/gm)];
  return Promise.all(
    lines.map(async ([, status, method = "", path = "", file = "", contentType = ""]) => ({
      ...{ status: Number(status), method, path, contentType },
      body: await readFile(file, "utf8"),
    })),
  );
}

/** The endpoint that a request goes to; undefined: none. */
export function routeOf({ method, path }: Pick<Pasted, "method" | "path">): ApiRouteName | undefined {
  const [bare = ""] = path.split("?");
  const fits = ({ path: route }: ApiRoute): boolean =>
    new RegExp(`^/api/${route.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`).test(bare);
  const places = ({ path: route }: ApiRoute): number => route.split("{").length;
  const [found] = Object.entries<ApiRoute>(API_ROUTES)
    .filter(([, route]) => route.method === method && fits(route))
    // `inventory/lints` is no inventory's id.
    .sort(([, a], [, b]) => places(a) - places(b));
  return found?.[0] as ApiRouteName | undefined;
}
