import { firstCertificate } from "../domain/certificate/first-certificate";
import type { judgeSuccessor } from "../contract/authority-activities";
import { refuseGroup, refusePlaces } from "../domain/authority/judge";
import { nameFor, needsProof, type AuthorityPlan, type OldAuthority } from "../domain/authority/plan";
import { decideStage, heldBeside, slotsWith, type GroupSlots } from "../domain/authority/slots";
import { lintAuthority } from "../domain/certificate/lint-authority";
import type { CertificatePolicy } from "../domain/certificate/policy";
import { AuthorityName, EnrollmentGroupId, type RollId } from "../domain/ids";
import { isBreach } from "../domain/roll/playbook";
import type { Refusal } from "../domain/roll/device-row";
import type { GroupScope, RollRequest } from "../domain/roll/request";
import type { Authorities, Authority } from "../ports/authorities";
import type { CertificateReader, Chain } from "../ports/certificates";
import type { Clock } from "../ports/clock";
import type { EnrollmentGroup, EnrollmentGroups } from "../ports/enrollment-groups";
import type { RollBlobs, RollStore } from "../ports/stores";
import type { TargetClaims } from "../ports/target-claims";
import { authorityPlan, findAuthority, noteRefusal, noteTrust, slotsOf } from "./authority-world";
import { opensElsewhere } from "./opens-elsewhere";
import { allGroups } from "./pages";
import { claimTrust } from "./claim-trust";
import { badAuthorities, keysOf } from "./bad-authorities";
import { documents } from "./roll-documents";
import type { Step } from "./step";

export interface JudgeSuccessorDeps {
  readonly clock: Clock;
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  readonly authorities: Authorities;
  readonly groups: EnrollmentGroups;
  readonly blobs: RollBlobs;
  readonly rolls: RollStore;
  readonly targetClaims: TargetClaims;
}

/**
 * Freezes what a CA roll will do, once its new CA was found good. A refusal is not frozen: whoever mends what was wrong (a
 * root that was not verified, a full DPS) may have it judged again.
 */
export function createJudgeSuccessor(deps: JudgeSuccessorDeps): Step<typeof judgeSuccessor> {
  const { blobs, rolls } = deps;
  return async ({ rollId }) => {
    const frozen = await blobs.findDocument(rollId, authorityPlan);
    if (frozen !== undefined) return ready(frozen);
    const request = await blobs.getRequest(rollId);
    const judged = await judge(deps, rollId, request);
    if (judged.outcome === "not-needed") return judged;
    if (judged.outcome === "refused") return noteRefusal(rolls, rollId, "refused", judged.refusal);
    const claimed = await claimTrust(deps.targetClaims, rollId, request, judged.plan);
    if (claimed !== undefined) return noteRefusal(rolls, rollId, "refused", claimed);
    await blobs.putDocument(rollId, authorityPlan, judged.plan);
    // Another run may have been first.
    const plan = await blobs.findDocument(rollId, authorityPlan);
    if (plan === undefined) throw new Error("a plan that was just written is gone");
    await noteTrust(rolls, rollId, ({ refusal: _mended, ...trust }) => ({
      ...trust,
      successor: identityOf(plan),
      old: plan.old.map(({ sha256Thumbprint, name }) => ({
        ...(sha256Thumbprint === undefined ? {} : { sha256Thumbprint }),
        ...(name === undefined ? {} : { name }),
        state: "in-group",
      })),
      warnings: plan.warnings,
    }));
    return ready(plan);
  };
}

function ready(plan: AuthorityPlan): { readonly outcome: "ready"; readonly mustProve: boolean } {
  return { outcome: "ready", mustProve: needsProof(plan) };
}

function identityOf({ successor }: AuthorityPlan): Omit<AuthorityPlan["successor"], "certificatePem" | "subject"> {
  const { sha256Thumbprint, name, notAfter } = successor;
  return { sha256Thumbprint, ...(name === undefined ? {} : { name }), notAfter };
}

type Judged =
  | { readonly outcome: "ready"; readonly plan: AuthorityPlan }
  | { readonly outcome: "refused"; readonly refusal: Refusal }
  | { readonly outcome: "not-needed" };

/** What is about the successor before anything is asked of DPS's places. */
interface World {
  readonly scope: GroupScope & { readonly authority: "intermediate" | "root" };
  readonly group: EnrollmentGroup;
  readonly slots: GroupSlots;
  readonly groups: readonly EnrollmentGroup[];
  readonly authorities: readonly Authority[];
  readonly chain: Chain;
}

async function judge(deps: JudgeSuccessorDeps, rollId: RollId, request: RollRequest): Promise<Judged> {
  const scope = request.group;
  if (scope === undefined) throw new Error("a group roll without a group");
  const { authority } = scope;
  if (authority === "leaf") return { outcome: "not-needed" };
  const [reading, authorities, groups] = await Promise.all([
    deps.groups.get(EnrollmentGroupId.parse(scope.groupId.toLowerCase())),
    deps.authorities.list(),
    allGroups(deps.groups),
  ]);
  if (reading.outcome === "missing")
    return refused("unknown-group", `DPS has no enrollment group "${scope.groupId}"; check the id`);
  const { group } = reading;
  const slots = slotsOf(group, authorities);
  const odd = refuseGroup({ ...group, slots });
  if (odd !== undefined || slots === undefined) return { outcome: "refused", refusal: odd ?? NO_SLOTS };
  const found = readSuccessor(deps, scope, authorities);
  if (found.outcome !== "read") return found;
  const world = { scope: { ...scope, authority }, group, slots, groups, authorities, chain: found.chain };
  return judgeSuccessorIn(deps, rollId, request, world);
}

async function judgeSuccessorIn(
  deps: JudgeSuccessorDeps,
  rollId: RollId,
  request: RollRequest,
  world: World,
): Promise<Judged> {
  const { scope, group, slots, authorities, chain } = world;
  const certificate = chain.leaf;
  const name = nameInDps(world);
  const identity = { sha256Thumbprint: certificate.sha256Thumbprint, name };
  const breach = isBreach(request.playbook);
  const seen = breach ? await deps.blobs.findDocument(rollId, documents.groupSeen(group.groupId)) : undefined;
  const bad = breach ? badAuthorities(scope, seen, world) : [];
  const { refusal, warnings } = lintAuthority(
    {
      certificate,
      issuers: chain.issuers,
      linked: chain.linked,
      selfSigned: chain.selfSigned,
      anchor: anchorOf(world),
    },
    {
      role: scope.authority,
      name,
      existing: authorities.flatMap((one) =>
        one.certificate === undefined ? [] : [{ name: one.name, sha256Thumbprint: one.certificate.sha256Thumbprint }],
      ),
      authoritiesBelow: 0,
      bad: bad.flatMap(({ sha256Thumbprint }) => sha256Thumbprint ?? []),
      compromisedKeys: keysOf(deps.certificates, bad, authorities),
      policy: deps.policy,
      now: deps.clock.now(),
    },
  );
  if (refusal !== undefined) return { outcome: "refused", refusal };
  const places = {
    identity,
    name,
    uploaded: name !== undefined && findAuthority(authorities, name) !== undefined,
    authorities: authorities.length,
  };
  const views = world.groups.map((one) => ({ groupId: one.groupId, slots: slotsOf(one, authorities) }));
  const crowded = refusePlaces(group.groupId, places, views);
  if (crowded !== undefined) return { outcome: "refused", refusal: crowded };
  const old = isBreach(request.playbook)
    ? { outcome: "found" as const, old: bad }
    : oldOnes(world, deps.clock, identity);
  if (old.outcome === "refused") return old;
  const { sha256Thumbprint, notAfter, subject } = certificate;
  const successor = {
    sha256Thumbprint,
    ...(name === undefined ? {} : { name }),
    certificatePem: firstCertificate(chain.pem),
    subject,
    notAfter,
  };
  const { family } = slots;
  const { groupId } = group;
  const plan = { groupId, authority: scope.authority, family, successor, old: [...old.old] };
  const shutOut = breach && losesAnother(world, plan) && (await opensElsewhere(deps, rollId, plan));
  return { outcome: "ready", plan: { ...plan, warnings: [...warnings, ...(shutOut ? [SHUT_OUT] : [])] } };
}

/** A CA that nobody suspects stands in the other slot. A copy of the group holds the new one alone. */
function losesAnother({ slots }: World, { successor, old }: Pick<AuthorityPlan, "successor" | "old">): boolean {
  const compromised = new Set(old.flatMap((one) => slotsWith(slots, one)));
  const healthy = (["primary", "secondary"] as const).filter(
    (slot) => slots[slot] !== undefined && !compromised.has(slot),
  );
  return healthy.some((slot) => !slotsWith(slots, successor).includes(slot));
}

const SHUT_OUT = "healthy-authority-shut-out";

/** In an expiry roll: what the group holds beside the successor, provided that there is room for both. */
function oldOnes(
  { slots, scope, authorities }: World,
  clock: Clock,
  identity: { readonly sha256Thumbprint: AuthorityPlan["successor"]["sha256Thumbprint"] },
): { readonly outcome: "found"; readonly old: readonly OldAuthority[] } | Extract<Judged, { outcome: "refused" }> {
  const decision = decideStage(slots, identity, clock.now());
  if (decision.kind === "refused") return { outcome: "refused", refusal: decision.refusal };
  const old = heldBeside(slots, identity).map(({ sha256Thumbprint, name, notAfter }): OldAuthority => {
    // An old root of the group's own slot stands among the CA certificates too: without it nobody would get in.
    const held = authorities.find(is(sha256Thumbprint));
    const inDps = name ?? (scope.authority === "root" ? held?.name : undefined);
    return {
      ...(sha256Thumbprint === undefined ? {} : { sha256Thumbprint }),
      ...(inDps === undefined ? {} : { name: inDps }),
      ...(notAfter === undefined ? {} : { notAfter }),
    };
  });
  return old.length === 0
    ? refused("nothing-to-retire", "the group holds the new CA alone already; there is no old one to take out")
    : { outcome: "found", old };
}

function is(thumbprint: string | undefined): (authority: Authority) => boolean {
  return ({ certificate }) => thumbprint !== undefined && certificate?.sha256Thumbprint === thumbprint;
}

type SuccessorText = { readonly outcome: "read"; readonly chain: Chain } | Extract<Judged, { outcome: "refused" }>;

/** From the request, or from DPS where the request names a CA that is there. */
function readSuccessor(
  { certificates }: JudgeSuccessorDeps,
  { successor }: GroupScope,
  authorities: readonly Authority[],
): SuccessorText {
  const { name, chainPem, discarded } = successor ?? {};
  if (discarded === "private-key-in-input") return refused("private-key-in-input", DISCARDED);
  if (discarded !== undefined) return refused("certificate-unreadable", UNREADABLE);
  if (name === undefined && chainPem === undefined)
    return refused("successor-missing", "the request names no CA that takes over; give successor.name or chainPem");
  const held = name === undefined ? undefined : findAuthority(authorities, AuthorityName.parse(name));
  const pem = chainPem ?? held?.certificate?.pem;
  if (pem === undefined)
    return refused(
      "authority-missing",
      `DPS has no CA certificate "${name ?? ""}" that can be read; send its chainPem`,
    );
  const reading = certificates.readChain(pem);
  if (reading.outcome === "read") return reading;
  return reading.outcome === "private-key"
    ? refused("private-key-in-input", DISCARDED)
    : refused("certificate-unreadable", UNREADABLE);
}

/** A CA needs a name in DPS where groups refer to it, and where it is an anchor: only anchors can be proven. */
function nameInDps({ scope, slots, chain, authorities }: World): AuthorityName | undefined {
  if (slots.family === "signingCertificates" && scope.authority === "intermediate") return undefined;
  const given = scope.successor?.name;
  if (given !== undefined) return AuthorityName.parse(given);
  const { sha256Thumbprint, commonName } = chain.leaf;
  return authorities.find(is(sha256Thumbprint))?.name ?? nameFor(commonName, sha256Thumbprint);
}

function anchorOf({ chain, authorities }: World): ReturnType<Chain["anchoredIn"]> {
  const trusted = authorities.flatMap(({ name, isVerified, certificate }) =>
    isVerified && certificate !== undefined && certificate.sha256Thumbprint !== chain.leaf.sha256Thumbprint
      ? [{ name, certificatePem: certificate.pem }]
      : [],
  );
  return chain.anchoredIn(trusted);
}

function refused(code: string, detail: string): Extract<Judged, { outcome: "refused" }> {
  return { outcome: "refused", refusal: { code, detail } };
}

const DISCARDED =
  "the input held the CA's private key; it was discarded. Treat that key as leaked, and make a CA over a new one";
const UNREADABLE = "the successor holds no readable certificate; send the CA and what is above it as PEM, the CA first";
const NO_SLOTS: Refusal = { code: "attestation-not-x509", detail: "the group has no X.509 slots" };
