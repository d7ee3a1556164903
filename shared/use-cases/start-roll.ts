import type { RollId } from "../domain/ids";
import { RollId as RollIdSchema } from "../domain/ids";
import { formatInstant, type Instant } from "../domain/instant";
import { problem, type Problem } from "../domain/outcome";
import { RollError } from "../domain/roll-error";
import { BATCH_SIZE } from "../domain/roll/batch";
import { newControl } from "../domain/roll/control";
import type { RollRequest } from "../domain/roll/request";
import type { Entropy } from "../ports/clock";
import type { ControlStore } from "../ports/control";
import type { RollStarter } from "../ports/starter";
import type { ClaimStore, RollBlobs, RollStore, StartClaim } from "../ports/stores";

export interface StartRollDeps {
  readonly entropy: Entropy;
  readonly claims: ClaimStore;
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly control: ControlStore;
}

export type StartAnswer =
  | Problem
  | { readonly outcome: "accepted"; readonly rollId: RollId }
  /** The same request again: the roll it started. */
  | { readonly outcome: "known"; readonly rollId: RollId };

/** A request's name at its source, and the body that came under it. */
export interface StartName {
  readonly source: string;
  readonly id: string;
  /** The body as it came: the same name with another body is not a repetition. */
  readonly body: string;
}

/** The roll that this request has started before, also if that has ended. Problem: `alert-id-reused`. */
export async function findStarted(
  { entropy, claims }: StartRollDeps,
  name: StartName,
): Promise<StartAnswer | undefined> {
  const earlier = await claims.findStart(startKey(entropy, name.source, name.id));
  return earlier === undefined ? undefined : repeated(earlier, entropy.sha256(name.body));
}

/**
 * Starts a roll, once per name. Until the claim is won nothing is written but the request's own blob and its place on the
 * list of open rolls; a crash after the claim is mended by the sweeper, which starts open rolls that have no instance.
 * Problem: `alert-id-reused`.
 */
export async function startRoll(
  deps: StartRollDeps,
  starter: RollStarter,
  name: StartName,
  request: RollRequest,
): Promise<StartAnswer> {
  const { entropy, claims, rolls, blobs } = deps;
  const at = request.requestedAt;
  const key = startKey(entropy, name.source, name.id);
  const bodySha256 = entropy.sha256(name.body);
  const rollId = nameRoll(at, key);
  // In this order: whatever is on the list of open rolls has a request that the sweeper can start from.
  await blobs.putRequest(rollId, request);
  await rolls.open(rollId, at);
  const claim = await claims.claimStart({ key, rollId, bodySha256, at });
  if (claim.outcome === "exists") {
    if (claim.claim.rollId !== rollId) await rolls.close(rollId);
    return repeated(claim.claim, bodySha256);
  }
  try {
    await createAndStart(deps, starter, rollId, request);
  } catch (error) {
    // The claim stands and the roll is listed as open: the sweeper starts it. The sender must not send it again.
    if (!(error instanceof RollError)) throw error;
  }
  return { outcome: "accepted", rollId };
}

/** The name under which a start is claimed. */
export function startKey(entropy: Entropy, source: string, id: string): string {
  return entropy.sha256(`${source}|${id}`);
}

/** The part after the claim, shared with the sweeper: header first, then the orchestration. Safe to run twice. */
export async function createAndStart(
  { rolls, control }: Pick<StartRollDeps, "rolls" | "control">,
  starter: RollStarter,
  rollId: RollId,
  request: RollRequest,
): Promise<void> {
  const { playbook, source, alertId, reason, requestedAt, requestedBy, targets, times, dryRun } = request;
  const batches = Math.ceil(targets.length / BATCH_SIZE);
  await rolls.create({
    rollId,
    playbook,
    phase: "requested",
    source,
    alertId,
    reason,
    requestedAt,
    devices: targets.length,
    batches,
    ...(requestedBy === undefined ? {} : { requestedBy }),
  });
  await control.create(newControl(rollId, times ?? { windows: [], freezes: [] }));
  await starter.start(playbook, rollId, { dryRun: dryRun === true });
}

function repeated(claim: StartClaim, bodySha256: string): StartAnswer {
  return claim.bodySha256 === bodySha256
    ? { outcome: "known", rollId: claim.rollId }
    : problem(
        409,
        "alert-id-reused",
        `this id started roll ${claim.rollId} with another body; send the new request under a new id`,
      );
}

function nameRoll(now: Instant, key: string): RollId {
  const stamp = formatInstant(now).replace(/[-:.]/g, "");
  return RollIdSchema.parse(`${stamp}-${key.slice(0, 8).toLowerCase()}`);
}
