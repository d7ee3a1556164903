import { StartProposalBody } from "../../contract/operator-queries";
import { MAX_ORDER_BYTES, type RollOrder } from "../../contract/roll-order";
import type { Proposal } from "../../domain/expiry/proposal";
import { formatInstant } from "../../domain/instant";
import type { Principal } from "../../domain/operator";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import type { PolicyStore } from "../../ports/policies";
import type { ProposalStore } from "../../ports/proposals";
import type { RollStarter } from "../../ports/starter";
import type { createAcceptOrder, OrderAnswer } from "../accept-order";
import { readJsonBody } from "../json-body";
import { ruleOf } from "./rule-of";

export interface StartProposalDeps {
  readonly proposals: ProposalStore;
  readonly policies: Pick<PolicyStore, "current" | "history">;
  readonly acceptOrder: ReturnType<typeof createAcceptOrder>;
}

export interface ProposalStart {
  readonly key: string;
  /** May be empty; a CA's roll needs its successor. */
  readonly body: Uint8Array;
  readonly by: Principal;
}

/**
 * Places the order that a proposal stands for, in the name of whoever asks, by the rule that proposed it (its approval, waves
 * and replacement). Once: the order's idempotency key is the proposal's own, so that a second start, or one after a crash in
 * between, answers with the roll that there is.
 *
 * Problems: `unknown-proposal`, `proposal-starting`, `proposal-needs-order`, `successor-needed`, and those of an order.
 */
export function createStartProposal(
  deps: StartProposalDeps,
): (start: ProposalStart, starter: RollStarter) => Promise<OrderAnswer> {
  return async ({ key, body, by }, starter) => {
    const proposal = /^[0-9A-F]{64}$/.test(key) ? await deps.proposals.get(key) : undefined;
    if (proposal === undefined)
      return problem(404, "unknown-proposal", "there is no such proposal; GET /api/proposals lists them");
    if (proposal.rollId !== undefined) return { outcome: "known", rollId: proposal.rollId };
    if (proposal.state !== "proposed")
      return problem(409, "proposal-starting", "its rule starts it by itself: it is being put into a roll just now");
    const order = await orderOf(deps, proposal, body);
    if (isProblem(order)) return order;
    const placed = await deps.acceptOrder(
      { body: new TextEncoder().encode(JSON.stringify(order)), idempotencyKey: `proposal-${key}`, by },
      starter,
    );
    if (placed.outcome === "problem") return placed;
    const { rollId } = placed;
    await deps.proposals.update([key], (stored) => ({ ...stored, state: "started", rollId }));
    return placed;
  };
}

async function orderOf(
  { policies }: StartProposalDeps,
  proposal: Proposal,
  body: Uint8Array,
): Promise<RollOrder | Problem> {
  const given = body.byteLength === 0 ? new TextEncoder().encode("{}") : body;
  const read = readJsonBody(given, MAX_ORDER_BYTES, StartProposalBody, "invalid-order");
  if (read.outcome === "problem") return read;
  const scoped = scopeOf(proposal, read.value.successor);
  if (isProblem(scoped)) return scoped;
  const rule = await ruleOf(policies, proposal);
  const { expiry } = proposal;
  return {
    version: "1",
    reason: `rule ${proposal.rule} of policies ${proposal.policyVersion}: ${expiry.id} runs out at ${formatInstant(expiry.notAfter)}`,
    replacement: rule?.replacement ?? { kind: scoped.playbook === "individual-expiry" ? "csr" : "device-managed" },
    ...(rule?.approval === undefined ? {} : { approval: rule.approval }),
    ...(rule?.waves === undefined ? {} : { waves: rule.waves }),
    ...scoped,
  };
}

function scopeOf(
  { expiry, registrationId, groupId }: Proposal,
  successor: StartProposalBody["successor"],
): Pick<RollOrder, "playbook" | "scope"> | Problem {
  const { level } = expiry;
  if (level !== "leaf") {
    if (groupId === undefined)
      return problem(
        422,
        "proposal-needs-order",
        `several groups may trust the CA ${expiry.id}: GET /api/blast-radius?ca=${expiry.id} names them; order a group-expiry for each`,
      );
    if (successor === undefined)
      return problem(422, "successor-needed", 'a CA is replaced by another: send {"successor": {"chainPem": …}}');
    return { playbook: "group-expiry", scope: { kind: "group", groupId, authority: level, successor } };
  }
  if (successor !== undefined)
    return problem(422, "scope-does-not-fit", "a roll of leaves has no successor CA; leave it out");
  if (registrationId === undefined)
    return problem(
      422,
      "proposal-needs-order",
      `DPS has no entry for ${expiry.id}: enroll it first, then order a roll`,
    );
  const devices = [{ registrationId }];
  if (groupId !== undefined)
    return { playbook: "group-expiry", scope: { kind: "group", groupId, authority: "leaf", devices } };
  if (expiry.at !== "enrollment")
    return problem(
      422,
      "proposal-needs-order",
      `DPS has no entry for ${expiry.id}: enroll it first, then order a roll`,
    );
  return { playbook: "individual-expiry", scope: { kind: "devices", devices } };
}
