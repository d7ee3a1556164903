import type { LabServices } from "./lab-services";

/** What Azure is made to do wrong, so that a claim about it must turn red. */
export interface Mutants {
  /** The hub says yes to writes of identities and does nothing. */
  readonly hubIgnoresWrites?: boolean;
  /** DPS says yes to writes of enrollments and does nothing. */
  readonly dpsIgnoresWrites?: boolean;
  /** Disabling an identity leaves its live session alone. */
  readonly sessionsSurvive?: boolean;
}

/** Makes the services behave so from now on; `sessionsSurvive` is a switch that the hub is started with. */
export function applyMutants({ faults }: LabServices, mutants: Mutants): void {
  const ignore = (operation: string): unknown => faults.add({ operation, effect: { kind: "acknowledged-not-done" } });
  if (mutants.hubIgnoresWrites === true) ["hub.registry.put", "hub.registry.bulk"].forEach(ignore);
  if (mutants.dpsIgnoresWrites === true) ["dps.enrollment.put", "dps.enrollment.bulk"].forEach(ignore);
}
