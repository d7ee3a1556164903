import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const pollMs = 700;
const watched = /\.(js|cjs|mjs|json)$/;

/**
 * Calls `changed` when a program or settings file of the app was written, once it has been quiet for a moment. Polls:
 * watching folders would take one handle for each of them, node_modules included. The result ends it.
 */
export function watchApp(appDir: string, changed: () => void): () => void {
  let known = fingerprint(appDir);
  let pending = false;
  const timer = setInterval(() => {
    const now = fingerprint(appDir);
    const moved = now !== known;
    known = now;
    // A build writes for a while: wait for a look that finds nothing new.
    if (pending && !moved) changed();
    pending = moved;
  }, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}

function fingerprint(root: string): string {
  return filesBelow(root)
    .map((file) => {
      const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
      return `${file}:${mtimeMs}:${size}`;
    })
    .join("\n");
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return watched.test(entry.name) ? [path] : [];
  });
}
