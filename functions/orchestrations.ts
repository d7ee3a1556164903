import * as df from "durable-functions";
import { closeFleet } from "../orchestrations/close-fleet";
import { containBatch } from "../orchestrations/contain-batch";
import { containFleet } from "../orchestrations/contain-fleet";
import { individualBreach } from "../orchestrations/individual-breach";
import { openFleet } from "../orchestrations/open-fleet";
import { proveRootOwnership } from "../orchestrations/prove-root-ownership";
import { proveFleet } from "../orchestrations/prove-fleet";
import { retireAuthority } from "../orchestrations/retire-authority";
import { rollAuthority } from "../orchestrations/roll-authority";
import { waitUntil } from "../orchestrations/wait-until";
import * as authority from "../shared/contract/authority-orchestrations";
import * as control from "../shared/contract/control";
import * as contract from "../shared/contract/orchestrations";

/** Names the orchestrators to the host, as the contract has them. */
export function registerOrchestrations(): void {
  df.app.orchestration(contract.individualBreach.name, individualBreach);
  df.app.orchestration(contract.openFleet.name, openFleet);
  df.app.orchestration(contract.containFleet.name, containFleet);
  df.app.orchestration(contract.containBatch.name, containBatch);
  df.app.orchestration(contract.proveFleet.name, proveFleet);
  df.app.orchestration(contract.closeFleet.name, closeFleet);
  df.app.orchestration(authority.proveRootOwnership.name, proveRootOwnership);
  df.app.orchestration(authority.rollAuthority.name, rollAuthority);
  df.app.orchestration(authority.retireAuthority.name, retireAuthority);
  df.app.orchestration(control.waitUntil.name, waitUntil);
}
