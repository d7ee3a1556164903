import { join, relative, sep } from "node:path";

const root = join(__dirname, "..", "..");

/**
 * The compiled form of a file of this folder, for child processes: they run plain Node, also when the parent runs
 * under a test runner that compiles in memory. Needs `npm run build` to have run.
 */
export function compiled(file: string): string {
  if (root.endsWith(`${sep}dist`)) return join(__dirname, file);
  return join(root, "dist", relative(root, __dirname), file);
}
