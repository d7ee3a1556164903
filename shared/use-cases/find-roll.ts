import { RollId } from "../domain/ids";
import { formatInstant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import type { Roll } from "../domain/roll/roll";
import type { RollStore } from "../ports/stores";

/** Problem: `unknown-roll`. */
export async function findRoll(rolls: Pick<RollStore, "get">, text: string): Promise<Roll | Problem> {
  const rollId = RollId.safeParse(text);
  const roll = rollId.success ? await rolls.get(rollId.data) : undefined;
  return roll ?? problem(404, "unknown-roll", "there is no roll with this id; GET /api/rolls lists them");
}

/** For whoever needs more of a roll than its header. Problems: `unknown-roll`, `roll-purged`. */
export async function findWholeRoll(rolls: Pick<RollStore, "get">, text: string): Promise<Roll | Problem> {
  const roll = await findRoll(rolls, text);
  if (isProblem(roll) || roll.purged === undefined) return roll;
  const at = formatInstant(roll.purged.at);
  return problem(410, "roll-purged", `only its header and its report are kept since ${at}; GET its evidence`);
}
