import type { OrchestrationContext } from "durable-functions";
import { closeAtDps, confirmContained, holdAtHub, releaseHold, tellToMove } from "../shared/contract/activities";
import * as contract from "../shared/contract/orchestrations";
import { call, continueAsNew, input, now, sleepUntil, type Orchestration } from "./durable";
import { callPaced } from "./paced";

const FIRST_PAUSE_MS = 2_000;
/** Reached after five rounds that got nowhere; a device that is given up on after five was tried over half a minute. */
const LONGEST_PAUSE_MS = 60_000;
/** Rounds per execution; about four activities and two timers each. */
const ROUNDS = 8;

/**
 * Contains one batch. DPS first: while it accepts the old leaf, its holder registers again and DPS writes the old
 * thumbprint back. Then the hubs at once, whatever DPS said: while a hub holds the old thumbprint, a closed DPS changes
 * nothing. The identity stays disabled until the hold is over, so that sessions drop and registrations in flight land
 * harmlessly; only fresh reads after the release make the claim.
 *
 * Every step acts on the devices that still need it, so a round repeats what is missing and nothing else. After rounds that
 * got nowhere the pause grows: what stands in the way is an outage, and it may last.
 */
export function* containBatch(ctx: OrchestrationContext): Orchestration<object> {
  const { rollId, batch: number, moves, progress } = input(ctx, contract.containBatch);
  const batch = { rollId, batch: number };
  let { left, idleRounds } = progress ?? { left: Infinity, idleRounds: 0 };
  for (let round = 1; round <= ROUNDS; round += 1) {
    const dps = yield* callPaced(ctx, closeAtDps, batch);
    if (moves === true) yield* call(ctx, tellToMove, batch);
    const hub = yield* callPaced(ctx, holdAtHub, batch);
    yield* sleepUntil(ctx, hub.readyAt);
    const release = yield* callPaced(ctx, releaseHold, batch);
    const confirmation = yield* callPaced(ctx, confirmContained, batch);

    const before = left;
    left = dps.open + hub.pending + release.pending + confirmation.exposed;
    if (left === 0) return {};
    idleRounds = left < before ? 0 : idleRounds + 1;
    if (left > release.pending) yield* sleepUntil(ctx, now(ctx) + pauseAfter(idleRounds));
  }
  continueAsNew(ctx, contract.containBatch, {
    ...batch,
    ...(moves === undefined ? {} : { moves }),
    progress: { left, idleRounds },
  });
  return {};
}

function pauseAfter(idleRounds: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** idleRounds, LONGEST_PAUSE_MS);
}
