import type { DeviceView } from "../contract/operator-api";
import { RegistrationId } from "../domain/ids";
import { problem, type Problem } from "../domain/outcome";
import { nextStep } from "../domain/roll/next-step";
import type { BatchStore, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import { toDeviceView } from "./read-rolls";

export interface ReadDeviceDeps {
  readonly rolls: Pick<RollStore, "get">;
  readonly batches: Pick<BatchStore, "find">;
  readonly targetClaims: Pick<TargetClaims, "holders">;
}

/**
 * How a device stands in the open roll that has it, what its proof misses and what to do. Problems: `invalid-device`,
 * `device-in-no-roll`.
 */
export function createReadDevice(deps: ReadDeviceDeps): (registrationId: string) => Promise<DeviceView | Problem> {
  return async (text) => {
    const id = RegistrationId.safeParse(text.toLowerCase());
    if (!id.success) return problem(400, "invalid-device", "this is no registration id");
    const claim = (await deps.targetClaims.holders("device", [id.data])).get(id.data);
    const roll = claim && (await deps.rolls.get(claim.rollId));
    const rows = claim?.batch === undefined ? undefined : await deps.batches.find(claim.rollId, claim.batch);
    const row = rows?.find(({ registrationId }) => registrationId === id.data);
    if (roll === undefined || row === undefined)
      return problem(404, "device-in-no-roll", "no open roll has this device; GET /api/rolls lists past ones");
    return {
      ...toDeviceView(row),
      rollId: roll.rollId,
      playbook: roll.playbook,
      phase: roll.phase,
      missing: row.proof !== undefined || row.missing === undefined ? [] : row.missing.split(" "),
      whatToDo: nextStep(row),
      attempts: row.attempts,
      statusUrl: `/api/rolls/${roll.rollId}`,
    };
  };
}
