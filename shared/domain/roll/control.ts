import { z } from "zod";
import { RollId } from "../ids";
import { Instant } from "../instant";
import { WorkTimes } from "../pacing/windows";

/** What an approval is for: the plan of this hash as a whole, or the beginning of one wave. */
export const ApprovalSubject = z.discriminatedUnion("kind", [
  /** SHA-256 of the plan, upper-case hex. */
  z.object({ kind: z.literal("plan"), planHash: z.string().regex(/^[0-9A-F]{64}$/) }),
  z.object({ kind: z.literal("wave"), wave: z.int().nonnegative() }),
]);
export type ApprovalSubject = z.infer<typeof ApprovalSubject>;

const Person = z.string().min(1).max(200);
const Note = z.string().max(1_000);

/** The first approval of a subject; what was noted with it stands in the journal. */
export const Approval = z.object({ subject: ApprovalSubject, by: Person, at: Instant });
export type Approval = z.infer<typeof Approval>;

/** What operators want of a roll. `aborted` is for ever: it stops dispatch and keeps all trust where it is. */
export const DesiredState = z.enum(["running", "paused", "aborted"]);
export type DesiredState = z.infer<typeof DesiredState>;

/** A roll's control row. Every wait reads it again; only {@link control} changes it. */
export const RollControl = z.object({
  rollId: RollId,
  desired: DesiredState,
  approvals: z.array(Approval).max(1_000),
  /** How often somebody asked that failed and unreachable devices be tried again. */
  retries: z.int().nonnegative(),
  /** When dispatch is allowed; frozen with the plan. */
  times: WorkTimes,
  /** Changes so far; the journal has as many entries. */
  revision: z.int().nonnegative(),
  /** The latest commands, so that one that is sent again does nothing. */
  recent: z.array(z.string()).max(20),
});
export type RollControl = z.infer<typeof RollControl>;

/** The control row that a roll begins with. */
export function newControl(rollId: RollId, times: WorkTimes): RollControl {
  return { rollId, desired: "running", approvals: [], retries: 0, times, revision: 0, recent: [] };
}

/**
 * What an operator may ask; `brake` is the roll's own pause when a wave went wrong. A brake's command id names wave and
 * reason, so that a person who resumes the roll has overruled this very brake and no other.
 */
export const ControlVerb = z.enum(["approve", "pause", "resume", "abort", "retry", "brake"]);
export type ControlVerb = z.infer<typeof ControlVerb>;

const Order = z.object({
  /** Names this command: the same one again, within the next twenty, changes nothing. */
  commandId: z.string().min(1).max(100),
  /** A person's name, or `rollcall`. */
  by: Person,
  at: Instant,
  note: Note.optional(),
});

export const ControlCommand = z.discriminatedUnion("verb", [
  Order.extend({ verb: z.literal("approve"), subject: ApprovalSubject }),
  Order.extend({ verb: ControlVerb.exclude(["approve"]) }),
]);
export type ControlCommand = z.infer<typeof ControlCommand>;

/** One change, for ever: who, when, what, and what came of it. */
export const ControlJournalEntry = z.object({
  command: ControlCommand,
  before: DesiredState,
  after: DesiredState,
});
export type ControlJournalEntry = z.infer<typeof ControlJournalEntry>;

/** What a command is judged against besides the control row. */
export interface ControlledRoll {
  /** The roll's phase, for the sentence of a refusal. */
  readonly phase: string;
  readonly finished: boolean;
  /** Absent until the roll is planned. */
  readonly plan?: { readonly hash: string; readonly waves: number };
}

export type ControlRefusal = "roll-finished" | "roll-aborted" | "not-planned-yet" | "other-plan" | "unknown-wave";

export type ControlDecision =
  | { readonly outcome: "changed"; readonly control: RollControl; readonly entry: ControlJournalEntry }
  /** It is so already, or this very command has been carried out. */
  | { readonly outcome: "unchanged"; readonly control: RollControl }
  | { readonly outcome: "refused"; readonly reason: ControlRefusal; readonly detail: string };

type Standing = DesiredState | "finished";
type Effect = DesiredState | "note" | Extract<ControlRefusal, "roll-finished" | "roll-aborted">;

/** Command by standing: the state it leads to, `note` where it is only put on record, or why not. */
const EFFECTS: Readonly<Record<ControlVerb, Readonly<Record<Standing, Effect>>>> = {
  approve: { running: "note", paused: "note", aborted: "roll-aborted", finished: "roll-finished" },
  pause: { running: "paused", paused: "paused", aborted: "roll-aborted", finished: "roll-finished" },
  brake: { running: "paused", paused: "paused", aborted: "roll-aborted", finished: "roll-finished" },
  resume: { running: "running", paused: "running", aborted: "roll-aborted", finished: "roll-finished" },
  abort: { running: "aborted", paused: "aborted", aborted: "aborted", finished: "roll-finished" },
  retry: { running: "note", paused: "note", aborted: "roll-aborted", finished: "roll-finished" },
};

/** Decides a command. Pure: the caller writes the row and the entry in one transaction, or decides again on a newer row. */
export function control(current: RollControl, command: ControlCommand, roll: ControlledRoll): ControlDecision {
  if (current.recent.includes(command.commandId)) return { outcome: "unchanged", control: current };
  const effect = EFFECTS[command.verb][roll.finished ? "finished" : current.desired];
  if (effect === "roll-finished" || effect === "roll-aborted") return refuse(effect, command.verb, roll, WHY[effect]);
  if (command.verb === "approve") {
    const wrong = wrongSubject(command.subject, roll);
    if (wrong !== undefined) return refuse(wrong.reason, command.verb, roll, wrong.why);
    if (isApproved(current, command.subject)) return { outcome: "unchanged", control: current };
  }
  const desired = effect === "note" ? current.desired : effect;
  if (effect === current.desired) return { outcome: "unchanged", control: current };
  return {
    outcome: "changed",
    control: {
      ...current,
      desired,
      approvals: [...current.approvals, ...approvalsOf(command)],
      retries: current.retries + (command.verb === "retry" ? 1 : 0),
      revision: current.revision + 1,
      recent: [...current.recent, command.commandId].slice(-20),
    },
    entry: { command, before: current.desired, after: desired },
  };
}

/** True once somebody has approved exactly this. */
export function isApproved(current: RollControl, subject: ApprovalSubject): boolean {
  return current.approvals.some((approval) => isSame(approval.subject, subject));
}

const WHY = {
  "roll-finished": "the roll is finished: start a new one",
  "roll-aborted": "the roll was aborted, and that is for ever: start a new one",
} as const;

function wrongSubject(
  subject: ApprovalSubject,
  { plan }: ControlledRoll,
): { readonly reason: ControlRefusal; readonly why: string } | undefined {
  if (plan === undefined) return { reason: "not-planned-yet", why: "there is no plan yet: read it, then approve it" };
  if (subject.kind === "plan") {
    return subject.planHash === plan.hash
      ? undefined
      : { reason: "other-plan", why: `this roll's plan has the hash ${plan.hash}: read that one, then approve it` };
  }
  return subject.wave < plan.waves
    ? undefined
    : { reason: "unknown-wave", why: `the plan's waves are 0 to ${plan.waves - 1}` };
}

function refuse(reason: ControlRefusal, verb: ControlVerb, roll: ControlledRoll, why: string): ControlDecision {
  return { outcome: "refused", reason, detail: `cannot ${verb} a roll that is "${roll.phase}": ${why}` };
}

function isSame(a: ApprovalSubject, b: ApprovalSubject): boolean {
  if (a.kind === "plan") return b.kind === "plan" && a.planHash === b.planHash;
  return b.kind === "wave" && a.wave === b.wave;
}

function approvalsOf(command: ControlCommand): Approval[] {
  if (command.verb !== "approve") return [];
  const { subject, by, at } = command;
  return [{ subject, by, at }];
}
