import type { LabClock } from "../clock";
import type { Faults } from "../faults/faults";
import type { LinkedHub } from "../linked-hub";
import type { SharedAccessPolicy } from "./authorization";
import type { DpsQuotas } from "./quotas";
import type { DpsStore } from "./store";
import type { DpsSwitches } from "./switches";

/** What every part of one DPS instance shares. */
export interface DpsContext {
  readonly name: string;
  readonly idScope: string;
  readonly serviceHostName: string;
  readonly clock: LabClock;
  readonly faults: Faults;
  readonly hubs: readonly LinkedHub[];
  readonly policies: readonly SharedAccessPolicy[];
  readonly store: DpsStore;
  readonly switches: DpsSwitches;
  readonly quotas: DpsQuotas;
}
