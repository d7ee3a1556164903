import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkerPool } from "../worker-pool";
import { crashFuzz } from "./crash-fuzz";
import { goldenScenarios } from "./scenarios";

/**
 * Runs the crash fuzz for seeds 0 to `seeds` - 1 over the app in `appDir` (test/fixtures/apps/golden); resolves with
 * the number of seeds that did not end in the same outputs, each of which is printed.
 */
export async function soakFunctionsHost(appDir: string, seeds: number, print: (line: string) => void): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "functions-host-soak-"));
  const log = (): void => undefined;
  const pool = await WorkerPool.start({ appDir, env: process.env, workers: 1, hostVersion: "4", log });
  let broken = 0;
  try {
    for (let seed = 0; seed < seeds; seed++) {
      const { commits, differences } = await crashFuzz(pool, goldenScenarios, folder, seed);
      if (differences.length > 0) broken += 1;
      print(
        `functions host, seed ${seed}: ${commits} crashes, ${differences.length === 0 ? "same outputs" : differences.join("; ")}`,
      );
    }
  } finally {
    await pool.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return broken;
}
