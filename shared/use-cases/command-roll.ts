import { RollCommandBody } from "../contract/roll-order";
import type { Principal } from "../domain/operator";
import type { RollId } from "../domain/ids";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { control, type ApprovalSubject, type ControlCommand, type ControlVerb } from "../domain/roll/control";
import type { Roll } from "../domain/roll/roll";
import type { Clock, Entropy } from "../ports/clock";
import type { ControlStore } from "../ports/control";
import type { RollStore } from "../ports/stores";
import { readJsonBody } from "./json-body";
import { findRoll } from "./find-roll";

export interface CommandRollDeps {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly rolls: RollStore;
  readonly control: ControlStore;
  /** Who asked for a roll may not approve it. */
  readonly twoPersons: boolean;
}

/** What people may ask; the brake is the roll's own. */
export type OperatorVerb = Exclude<ControlVerb, "brake">;

export interface RollCommand {
  readonly rollId: string;
  readonly verb: OperatorVerb;
  readonly body: Uint8Array;
  readonly idempotencyKey: string | undefined;
  readonly by: Principal;
}

export type CommandAnswer =
  | Problem
  | {
      readonly outcome: "done";
      readonly rollId: RollId;
      readonly desired: "running" | "paused" | "aborted";
      /** False: it was so already, or this very command was carried out before. */
      readonly changed: boolean;
    };

const MAX_BYTES = 16 * 1024;

/**
 * Puts a command on the roll's control row, where every wait of the roll reads it. Sent again under the same
 * Idempotency-Key it changes nothing.
 *
 * Problems: `unknown-roll`, `malformed-json`, `invalid-command`, `invalid-idempotency-key`, `approval-incomplete`,
 * `second-person-needed`, `roll-finished`, `roll-aborted`, `not-planned-yet`, `other-plan`, `unknown-wave`.
 */
export function createCommandRoll(deps: CommandRollDeps): (command: RollCommand) => Promise<CommandAnswer> {
  return async (command) => {
    const roll = await findRoll(deps.rolls, command.rollId);
    if (isProblem(roll)) return roll;
    const order = toCommand(deps, roll, command);
    if ("outcome" in order) return order;
    // Its control row is gone with the rest.
    if (roll.purged !== undefined) return problem(409, "roll-finished", "the roll is over: start a new one");
    const decision = await deps.control.change(roll.rollId, (current) =>
      control(current, order, {
        phase: roll.phase,
        finished: roll.phase === "finished",
        ...(roll.planHash === undefined ? {} : { plan: { hash: roll.planHash, waves: roll.waves ?? 0 } }),
      }),
    );
    if (decision === undefined)
      return problem(503, "service-unavailable", "the roll is being started; send the command again in a moment");
    if (decision.outcome === "refused") return problem(409, decision.reason, decision.detail);
    const { desired } = decision.control;
    return { outcome: "done", rollId: roll.rollId, desired, changed: decision.outcome === "changed" };
  };
}

function toCommand(
  { clock, entropy, twoPersons }: CommandRollDeps,
  roll: Roll,
  { verb, body, idempotencyKey, by }: RollCommand,
): ControlCommand | Problem {
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,100}$/.test(idempotencyKey))
    return problem(400, "invalid-idempotency-key", "Idempotency-Key must be 1 to 100 printable characters, no spaces");
  const read = readJsonBody(body.byteLength === 0 ? EMPTY : body, MAX_BYTES, RollCommandBody, "invalid-command");
  if (read.outcome === "problem") return read;
  const { note, planHash, wave } = read.value;
  const base = {
    commandId: idempotencyKey ?? entropy.randomHex(16),
    by: by.name,
    at: clock.now(),
    ...(note === undefined ? {} : { note }),
  };
  if (verb !== "approve") return { ...base, verb };
  if (twoPersons && roll.requestedBy === by.name)
    return problem(403, "second-person-needed", "the person who asked for a roll may not approve it; ask a colleague");
  const subject = subjectOf(planHash, wave);
  return "outcome" in subject ? subject : { ...base, verb, subject };
}

const EMPTY = new TextEncoder().encode("{}");

function subjectOf(planHash: string | undefined, wave: number | undefined): ApprovalSubject | Problem {
  if (planHash !== undefined && wave === undefined) return { kind: "plan", planHash };
  if (wave !== undefined && planHash === undefined) return { kind: "wave", wave };
  return problem(400, "approval-incomplete", "say what you approve: either planHash (GET the plan) or wave, not both");
}
