import { join } from "node:path";

/** Compiled files lie one folder deeper. */
const root = __dirname.endsWith(join("dist", "bench")) ? join(__dirname, "..", "..") : join(__dirname, "..");

/** An app of nothing but small orchestrations. */
export const benchAppDir = join(root, "test/fixtures/apps/bench");
