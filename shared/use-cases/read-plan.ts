import type { PlanView } from "../contract/plan-view";
import { formatInstant, type Instant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import type { FrozenPlan } from "../domain/plan/roll-plan";
import type { RollBlobs, RollStore } from "../ports/stores";
import { documents } from "../steps/roll-documents";
import { findWholeRoll } from "./find-roll";

export interface ReadPlanDeps {
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
}

/** A roll's frozen plan, as people and scripts read it. Problems: `unknown-roll`, `roll-purged`, `no-plan`. */
export function createReadPlan({ rolls, blobs }: ReadPlanDeps): (rollId: string) => Promise<PlanView | Problem> {
  return async (text) => {
    const roll = await findWholeRoll(rolls, text);
    if (isProblem(roll)) return roll;
    const plan = await blobs.findDocument(roll.rollId, documents.plan);
    return plan === undefined
      ? problem(404, "no-plan", `the roll is "${roll.phase}" and has no plan yet; ask again later`)
      : toView(plan);
  };
}

function toView({ version: _version, ...plan }: FrozenPlan): PlanView {
  const { found, pace, refusals } = plan;
  const { firstNotAfter, ...findings } = found;
  const { expectedEnd, ...speed } = pace;
  return {
    ...plan,
    plannedAt: formatInstant(plan.plannedAt),
    outcome: refusals.length === 0 ? "ready" : "refused",
    devices: found.devices,
    changing: found.changing,
    found: { ...findings, ...time("firstNotAfter", firstNotAfter) },
    authorities: plan.authorities.map(({ notAfter, ...one }) => ({ ...one, ...time("notAfter", notAfter) })),
    pace: { ...speed, ...time("expectedEnd", expectedEnd) },
  };
}

function time<K extends string>(name: K, at: Instant | undefined): Partial<Record<K, string>> {
  return at === undefined ? {} : ({ [name]: formatInstant(at) } as Record<K, string>);
}
