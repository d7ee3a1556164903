import type { OrchestrationContext } from "durable-functions";
import { closeAtDps, confirmContained, holdAtHub, releaseHold } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";

const PAUSE_MS = 2_000;
/** Rounds per execution; about four activities and two timers each. */
const ROUNDS = 8;

/**
 * Contains one batch. DPS first: while it accepts the old leaf, its holder registers again and DPS writes the old
 * thumbprint back. Then the hubs at once, whatever DPS said: while a hub holds the old thumbprint, a closed DPS changes
 * nothing. The identity stays disabled until the hold is over, so that sessions drop and registrations in flight land
 * harmlessly; only fresh reads after the release make the claim.
 *
 * Every step acts on the devices that still need it, so a round repeats what is missing and nothing else.
 */
export function* containBatch(ctx: OrchestrationContext): Orchestration<object> {
  const batch = input(ctx, contract.containBatch);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const dps = yield* call(ctx, closeAtDps, batch);
    const hub = yield* call(ctx, holdAtHub, batch);
    yield* sleepUntil(ctx, hub.readyAt);
    const release = yield* call(ctx, releaseHold, batch);
    const confirmation = yield* call(ctx, confirmContained, batch);

    if (dps.open + hub.pending + release.pending + confirmation.exposed === 0) return {};
    if (dps.open + hub.pending + confirmation.exposed > 0) yield* sleepUntil(ctx, now(ctx) + PAUSE_MS);
  }
  continueAsNew(ctx, contract.containBatch, batch);
  return {};
}
