import type { provePossession } from "../contract/authority-activities";
import type { AuthorityPlan } from "../domain/authority/plan";
import type { AuthorityName, RollId } from "../domain/ids";
import type { Refusal } from "../domain/roll/device-row";
import { RollError } from "../domain/roll-error";
import type { Authorities, Authority } from "../ports/authorities";
import type { PossessionProver } from "../ports/issuers";
import type { RollBlobs, RollStore } from "../ports/stores";
import { frozenPlan, noteRefusal, noteTrust, withoutHindrance } from "./authority-world";
import { journalled, type JournalDeps } from "./journalled";
import type { Step } from "./step";

export interface ProvePossessionDeps extends JournalDeps {
  readonly authorities: Authorities;
  readonly prover: PossessionProver;
  readonly blobs: RollBlobs;
  readonly rolls: RollStore;
}

/**
 * One look at the new CA in DPS, and one step forward: uploads it, asks for a code, proves by itself where the app has the
 * key. The code stands in the roll's header as long as somebody else has to sign it; whoever verifies the CA, and how, ends
 * the wait.
 */
export function createProvePossession(deps: ProvePossessionDeps): Step<typeof provePossession> {
  return async ({ rollId }) => {
    const { successor } = await frozenPlan(deps.blobs, rollId);
    if (successor.name === undefined) return { state: "verified" };
    const present = await upload(deps, rollId, successor, successor.name);
    if ("code" in present) return refuse(deps, rollId, present);
    if (present.certificate?.sha256Thumbprint !== successor.sha256Thumbprint) return refuse(deps, rollId, NAME_TAKEN);
    if (present.isVerified) return verified(deps, rollId);
    const code = await codeFor(deps, rollId, present);
    if (code === undefined) return { state: "awaiting" };
    const proof = await deps.prover.sign(successor.sha256Thumbprint, code);
    if (proof.outcome === "no-signer") return { state: "awaiting" };
    const accepted = await submitProof(deps, rollId, present.name, proof.certificatePem, "rollcall");
    return accepted.outcome === "verified" ? verified(deps, rollId) : { state: "awaiting" };
  };
}

/** Makes the CA certificate unless it is there. */
async function upload(
  deps: ProvePossessionDeps,
  rollId: RollId,
  { sha256Thumbprint, certificatePem }: AuthorityPlan["successor"],
  name: AuthorityName,
): Promise<Authority | Refusal> {
  const reading = await deps.authorities.get(name);
  if (reading.outcome === "found") return reading.authority;
  const write = { step: "prove-possession", target: `ca ${name}`, action: "create", after: sha256Thumbprint };
  const created = await journalled(deps, rollId, write, () => deps.authorities.create(name, certificatePem));
  switch (created.outcome) {
    case "created":
    case "exists":
      return created.authority;
    case "limit-reached":
      return { code: "no-free-ca-slot", detail: created.detail };
    case "refused":
      return { code: "authority-refused", detail: created.detail };
    default:
      return created satisfies never;
  }
}

/**
 * The code that is to be signed: the one in the header, or a new one. Undefined after a lost race: whoever won it notes the
 * code, and each new code makes the one before void.
 */
async function codeFor(deps: ProvePossessionDeps, rollId: RollId, authority: Authority): Promise<string | undefined> {
  const standing = (await deps.rolls.get(rollId))?.trust?.possession;
  if (standing?.authorityName === authority.name) return standing.verificationCode;
  const { name, etag } = authority;
  const write = { step: "prove-possession", target: `ca ${name}`, action: "ask-for-code", guard: etag };
  const issued = await journalled(deps, rollId, write, () => deps.authorities.verificationCode(name, etag));
  if (issued.outcome !== "issued") return undefined;
  const possession = { authorityName: name, verificationCode: issued.code, since: deps.clock.now() };
  await noteTrust(deps.rolls, rollId, (trust) => ({ ...trust, possession }));
  return issued.code;
}

export type ProofAnswer =
  | { readonly outcome: "verified" }
  /** DPS does not take it; the code it asked for is void, and the next look asks for another. */
  | { readonly outcome: "refused"; readonly detail: string };

/** Hands a verification certificate to DPS, by the version that the CA has now. Retried after lost races. */
export async function submitProof(
  deps: Pick<ProvePossessionDeps, "authorities" | "clock" | "journal" | "rolls">,
  rollId: RollId,
  name: AuthorityName,
  certificatePem: string,
  by: string,
): Promise<ProofAnswer> {
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const reading = await deps.authorities.get(name);
    if (reading.outcome === "missing")
      return { outcome: "refused", detail: `DPS has no CA certificate "${name}" any more` };
    if (reading.authority.isVerified) return { outcome: "verified" };
    const { etag } = reading.authority;
    const write = {
      step: "prove-possession",
      target: `ca ${name}`,
      action: "verify",
      guard: etag,
      after: `sent by ${by}`,
    };
    const answer = await journalled(deps, rollId, write, () => deps.authorities.verify(name, etag, certificatePem));
    if (answer.outcome === "verified") return answer;
    if (answer.outcome === "refused") {
      await noteTrust(deps.rolls, rollId, ({ possession: _void, ...trust }) => trust);
      return answer;
    }
  }
  throw new RollError("service-unavailable", `the CA certificate "${name}" was written by others each time`, true);
}

const PASSES = 5;

async function verified({ rolls }: ProvePossessionDeps, rollId: RollId): Promise<{ readonly state: "verified" }> {
  await noteTrust(rolls, rollId, withoutHindrance);
  return { state: "verified" };
}

async function refuse(
  { rolls }: ProvePossessionDeps,
  rollId: RollId,
  refusal: Refusal,
): Promise<{ readonly state: "refused"; readonly code: string }> {
  const { outcome, code } = await noteRefusal(rolls, rollId, "refused", refusal);
  return { state: outcome, code };
}

const NAME_TAKEN: Refusal = {
  code: "name-taken",
  detail: "DPS holds another certificate under the new CA's name; choose a name that is free",
};
