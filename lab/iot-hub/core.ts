import type { LabClock } from "../clock";
import type { Faults } from "../faults/faults";
import type { AccessPolicy } from "./authorization";
import type { ConnectionLog } from "./connection-log";
import type { Presences } from "./presence";
import type { HubQuotas } from "./quotas";
import type { ReplacedThumbprints } from "./replaced-thumbprints";
import type { Sessions } from "./sessions";
import type { HubStore } from "./store";
import type { HubSwitches } from "./switches";

/** What every part of one hub works on. */
export interface HubCore {
  readonly hostName: string;
  readonly clock: LabClock;
  readonly faults: Faults;
  readonly store: HubStore;
  readonly presences: Presences;
  readonly sessions: Sessions;
  readonly replaced: ReplacedThumbprints;
  readonly switches: HubSwitches;
  readonly quotas: HubQuotas;
  readonly policies: readonly AccessPolicy[];
  readonly log: ConnectionLog;
}
