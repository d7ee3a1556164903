import * as df from "durable-functions";
import { closeFleet } from "../orchestrations/close-fleet";
import { containBatch } from "../orchestrations/contain-batch";
import { containFleet } from "../orchestrations/contain-fleet";
import { groupBreach } from "../orchestrations/group-breach";
import { individualBreach } from "../orchestrations/individual-breach";
import { individualExpiry } from "../orchestrations/individual-expiry";
import { openFleet } from "../orchestrations/open-fleet";
import { planFleet } from "../orchestrations/plan-fleet";
import { proveFleet } from "../orchestrations/prove-fleet";
import { proveRootOwnership } from "../orchestrations/prove-root-ownership";
import { recheckClosed } from "../orchestrations/recheck-closed";
import { reprovisionBatch } from "../orchestrations/reprovision-batch";
import { reprovisionFleet } from "../orchestrations/reprovision-fleet";
import { reprovisionWave } from "../orchestrations/reprovision-wave";
import { restoreGroup } from "../orchestrations/restore-group";
import { retireAuthority } from "../orchestrations/retire-authority";
import { retireFleet } from "../orchestrations/retire-fleet";
import { rollAuthority } from "../orchestrations/roll-authority";
import { waitUntil } from "../orchestrations/wait-until";
import * as authority from "../shared/contract/authority-orchestrations";
import * as control from "../shared/contract/control";
import * as groups from "../shared/contract/group-breach";
import * as due from "../shared/contract/due";
import * as contract from "../shared/contract/orchestrations";
import * as reprovision from "../shared/contract/reprovision";

/** Names the orchestrators to the host, as the contract has them. */
export function registerOrchestrations(): void {
  df.app.orchestration(contract.individualBreach.name, individualBreach);
  df.app.orchestration(contract.individualExpiry.name, individualExpiry);
  df.app.orchestration(contract.groupBreach.name, groupBreach);
  df.app.orchestration(groups.restoreGroup.name, restoreGroup);
  df.app.orchestration(contract.openFleet.name, openFleet);
  df.app.orchestration(contract.containFleet.name, containFleet);
  df.app.orchestration(contract.containBatch.name, containBatch);
  df.app.orchestration(contract.proveFleet.name, proveFleet);
  df.app.orchestration(reprovision.planFleet.name, planFleet);
  df.app.orchestration(reprovision.reprovisionFleet.name, reprovisionFleet);
  df.app.orchestration(reprovision.reprovisionWave.name, reprovisionWave);
  df.app.orchestration(reprovision.reprovisionBatch.name, reprovisionBatch);
  df.app.orchestration(reprovision.retireFleet.name, retireFleet);
  df.app.orchestration(contract.closeFleet.name, closeFleet);
  df.app.orchestration(authority.proveRootOwnership.name, proveRootOwnership);
  df.app.orchestration(authority.rollAuthority.name, rollAuthority);
  df.app.orchestration(authority.retireAuthority.name, retireAuthority);
  df.app.orchestration(due.recheckClosed.name, recheckClosed);
  df.app.orchestration(control.waitUntil.name, waitUntil);
}
