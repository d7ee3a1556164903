import { problem, type Problem } from "../outcome";
import type { Playbook } from "./playbook";
import type { Roll, RollPhase } from "./roll";

/** One phase of a playbook: what happens in it, why there, and what shows that it is over. */
export interface PhaseRow {
  readonly phase: RollPhase;
  readonly does: string;
  /** Why it comes here and not earlier or later. */
  readonly because: string;
  /** The fresh read or report that ends it. */
  readonly until: string;
  /** Cannot be taken back. */
  readonly irreversible?: true;
  /** Left out where the request does not need it. */
  readonly optional?: true;
}

const requested: PhaseRow = {
  phase: "requested",
  does: "the start is claimed and noted",
  because: "the same request must never start twice, and a crash must leave a trace",
  until: "the orchestration runs",
};
const approval: PhaseRow = {
  phase: "awaiting-approval",
  does: "nothing; a named person reads the plan and approves its hash",
  because: "what follows changes trust, some of it for good",
  until: "an approval of this plan's hash is on record",
  optional: true,
};
const finished: PhaseRow = {
  phase: "finished",
  does: "counts, exposure and outcome are written, claims given back last",
  because: "a device is free for another roll only when this one writes nothing more",
  until: "the roll is off the list of open ones",
};
const cut: PhaseRow = {
  phase: "containing",
  does: "DPS refuses the old certificates, then every linked hub at once: hold, settle, release, fresh reads",
  because: "while DPS accepts the old leaf, its holder registers again and DPS writes it back to the hub",
  until: "fresh reads of DPS and all linked hubs show nothing outside the allow set",
};
const heal: PhaseRow = {
  phase: "awaiting",
  does: "devices find their way back through DPS; each is asked to report over its new session",
  because: "a command to a device that is cut off has no channel",
  until: "every device is proven, or the deadline has come",
};

/** Each playbook's phases, in order. A roll only moves forward, and passes over optional phases alone. */
export const phaseTables: Readonly<Record<Playbook, readonly PhaseRow[]>> = {
  "individual-breach": [
    requested,
    {
      phase: "planning",
      does: "the target list is cut into batches and claimed; nothing is read from Azure",
      because: "nothing may delay containment",
      until: "every batch exists",
    },
    cut,
    heal,
    finished,
  ],
  "individual-expiry": [
    requested,
    {
      phase: "planning",
      does: "entries are read, expiring slots found, replacements judged, waves cut, the plan frozen",
      because: "what is approved must be what happens",
      until: "the plan has a hash",
    },
    approval,
    {
      phase: "rolling",
      does: "wave by wave: the new leaf goes into the free slot, the device is told to register again, and is proven",
      because: "both leaves are valid meanwhile, so that nobody is cut off",
      until: "every device is proven, or the deadline has come",
    },
    {
      phase: "retiring",
      does: "the device drops its old key, the old slot is cleared",
      because: "an old leaf is the way back for a device that is not proven",
      until: "a fresh read shows the old slot empty",
      irreversible: true,
    },
    finished,
  ],
  "group-breach": [
    requested,
    {
      ...approval,
      does: "nothing; a named person reads what the alert is about and approves it",
      because: "an automatic alert may cut off only so many devices without a person",
      until: "an approval of this very scope is on record",
    },
    {
      phase: "containing",
      does: "the group is closed at DPS in one write; then its registrations are listed and each device is cut off at every linked hub",
      because: "one write stops all new registrations; the list can take its time",
      until: "fresh reads of DPS and all linked hubs show nothing outside the allow set",
    },
    {
      phase: "staging",
      does: "the new CA goes into DPS and is verified, the group points at it and opens again, the old CA is deleted",
      because: "a group never points at a missing or unverified CA",
      until: "fresh reads show the group on the new CA alone and the old one gone",
      irreversible: true,
      optional: true,
    },
    heal,
    finished,
  ],
  "group-expiry": [
    requested,
    {
      phase: "planning",
      does: "the group's registrations are listed, the CA graph is read, waves cut, the plan frozen",
      because: "what is approved must be what happens",
      until: "the plan has a hash",
    },
    approval,
    {
      phase: "staging",
      does: "the new CA goes into DPS and is verified, then into the group's free slot",
      because: "devices may present a leaf of the new chain only once DPS accepts it",
      until: "fresh reads show the CA verified and the group holding both",
      optional: true,
    },
    {
      phase: "rolling",
      does: "wave by wave devices are told to register with their new leaf, and are proven",
      because: "both CAs are accepted meanwhile, so that nobody is cut off",
      until: "every device is proven, or the deadline has come",
    },
    {
      phase: "retiring",
      does: "the new CA is promoted in the write that drops the old one, then the old CA is deleted",
      because:
        "a group whose primary is empty cannot be read by some clients, and one that names a deleted CA refuses everybody",
      until: "fresh reads show no group naming the old CA, and DPS without it",
      irreversible: true,
      optional: true,
    },
    finished,
  ],
};

/**
 * Where a roll goes when its orchestration asks for `to`. Asking again for a phase it has passed changes nothing: an
 * orchestration that was started anew asks for all of them again. Problem: `transition-refused`.
 */
export function nextPhase(playbook: Playbook, from: RollPhase, to: RollPhase): RollPhase | Problem {
  const table = phaseTables[playbook];
  const at = table.findIndex(({ phase }) => phase === from);
  const wanted = table.findIndex(({ phase }) => phase === to);
  const refused = (why: string): Problem =>
    problem(409, "transition-refused", `the roll is ${from} and cannot become ${to}: ${why}`);
  if (wanted < 0) return refused(`${playbook} has no such phase`);
  if (wanted <= at) return from;
  const skipped = table.slice(at + 1, wanted).find(({ optional }) => optional !== true);
  // Every roll may be closed at any time: at its deadline, aborted, refused or as a dry run.
  if (skipped !== undefined && to !== "finished") return refused(`${skipped.phase} comes first`);
  return to;
}

/**
 * The same for a roll as it stands. A breach may be asked for twice whether it may go on: before it contains, where nobody
 * answers for the alert, and after it has contained, before a CA takes over. The second time its phase says so too, and is
 * left as if it were still the containment.
 */
export function nextPhaseOf(
  { playbook, phase, containedAt }: Pick<Roll, "playbook" | "phase" | "containedAt">,
  to: RollPhase,
): RollPhase | Problem {
  const isContained = playbook === "group-breach" && containedAt !== undefined;
  const from = isContained && phase === "awaiting-approval" ? "containing" : phase;
  if (isContained && from === "containing" && to === "awaiting-approval") return to;
  return nextPhase(playbook, from, to);
}
