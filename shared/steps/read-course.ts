import type { readCourse } from "../contract/reprovision";
import { PATIENCE_MS } from "../domain/roll/attempts";
import type { RollBlobs, RollStore } from "../ports/stores";
import { RollError } from "../domain/roll-error";
import { givesLeaves } from "./plan-group-leaves";
import type { Step } from "./step";

export interface ReadCourseDeps {
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
}

/** What orchestrators have to know of the request: which steps it takes, and at which pace. */
export function createReadCourse({ rolls, blobs }: ReadCourseDeps): Step<typeof readCourse> {
  return async ({ rollId }) => {
    const roll = await rolls.get(rollId);
    if (roll === undefined) throw new RollError("store-corrupt", `roll ${rollId} has no header`, false);
    const request = await blobs.getRequest(rollId);
    const { timing, replacement, group, retire } = request;
    const { pollMs, recheckMs, attemptMs } = timing;
    const { deadline = timing.deadline } = roll;
    return {
      batches: roll.batches,
      waves: roll.waves ?? 0,
      pace: { pollMs, recheckMs, deadline, watchMs: Math.min(attemptMs, PATIENCE_MS) },
      csr: replacement === "csr",
      judges: group === undefined || givesLeaves(request),
      stage: group === undefined,
      retire: group !== undefined && retire?.when === "old-expired" ? "never" : (retire?.when ?? "all-proven"),
    };
  };
}
