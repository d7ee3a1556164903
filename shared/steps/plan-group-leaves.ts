import type { RegistrationId, RollId, Sha256Thumbprint } from "../domain/ids";
import type { JournalLine } from "../domain/roll/batch";
import type { DeviceRow, Refusal } from "../domain/roll/device-row";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { Authorities } from "../ports/authorities";
import type { CertificateReader, Chain, TrustedAuthority } from "../ports/certificates";
import type { EnrollmentGroups } from "../ports/enrollment-groups";
import type { FoundReplacement, ReplacementSource } from "../ports/replacements";
import type { RollBlobs } from "../ports/stores";
import { authorityPlan, slotsOf } from "./authority-world";
import { BatchWork, type BatchWorkDeps } from "./batch-work";
import { groupScope, idOf } from "./close-group";
import { DISCARDED, judgeLeaf, refuse, sharedKeys, type LeafWorld } from "./judge-leaf";
import { askSideBySide, orOutage } from "./side-by-side";

export interface PlanGroupLeavesDeps extends BatchWorkDeps {
  readonly blobs: RollBlobs;
  readonly groups: Pick<EnrollmentGroups, "get">;
  readonly authorities: Authorities;
  readonly certificates: CertificateReader;
  readonly policy: LeafWorld["policy"];
  readonly replacements: ReplacementSource;
}

/** Whether a leaf of the target is there beforehand, or should be; else the device brings its own while the roll goes on. */
function isGiven({ replacement }: RollTarget, { replacement: source }: RollRequest): boolean {
  return replacement.kind !== "none" || source === "inline" || source === "blob";
}

/** Whether there are any such leaves in the roll. */
export function givesLeaves({ targets, replacement }: RollRequest): boolean {
  return (
    replacement === "inline" || replacement === "blob" || targets.some((target) => target.replacement.kind !== "none")
  );
}

/**
 * Judges the leaves that come with the request or out of the container, for devices of a group: by the rules for every new
 * leaf, and each must come from a CA that lets it in. Asks DPS for nothing but the group and its CAs; a device that could not be
 * judged is judged again. Answers how many are left.
 */
export async function planGroupLeaves(
  deps: PlanGroupLeavesDeps,
  at: { readonly rollId: RollId; readonly batch: number },
  request: RollRequest,
): Promise<{ planned: number; refused: number; open: number }> {
  const given = (await deps.blobs.getTargets(at.rollId, at.batch)).filter((target) => isGiven(target, request));
  const targets = new Map(given.map((target) => [target.registrationId, target]));
  const isToPlan = ({ registrationId, skipped, refusal, planned }: DeviceRow): boolean =>
    targets.has(registrationId) && skipped === undefined && refusal === undefined && planned === undefined;
  const count = (rows: readonly DeviceRow[]): { planned: number; refused: number; open: number } => ({
    planned: rows.filter(({ planned }) => planned !== undefined).length,
    refused: rows.filter(({ refusal }) => refusal !== undefined).length,
    open: rows.filter(isToPlan).length,
  });
  const { rows } = await deps.batches.read(at.rollId, at.batch);
  if (!rows.some(isToPlan)) return count(rows);

  const work = await BatchWork.open(deps, "plan-expiry", at);
  const found = await findAll(deps, at.rollId, work.rows.filter(isToPlan), targets, request);
  const world = await orOutage(readWorld(deps, at.rollId, request, found));
  const lines: JournalLine[] = [];
  if (!(world instanceof RollError))
    for (const { row: before, found: leaf } of found) {
      const row = judge(before, leaf, world);
      work.set(row);
      const result = row.refusal?.code ?? row.planned?.sha256Thumbprint ?? "";
      lines.push({ registrationId: row.registrationId, target: "dps", action: "plan", result });
    }
  await work.settle(lines);
  return count(work.rows);
}

interface Found {
  readonly row: DeviceRow;
  readonly found: FoundReplacement;
}

/** What came out of a container may be another text tomorrow: the one that is judged is kept. */
async function findAll(
  { replacements }: PlanGroupLeavesDeps,
  rollId: RollId,
  rows: readonly DeviceRow[],
  targets: ReadonlyMap<RegistrationId, RollTarget>,
  { replacement: source }: RollRequest,
): Promise<Found[]> {
  const answers = await askSideBySide(rows, async (row): Promise<Found | undefined> => {
    const target = targets.get(row.registrationId);
    if (target === undefined) return undefined;
    const { registrationId, replacement } = target;
    const wanted = { registrationId, replacement, ...(source === undefined ? {} : { source }) };
    const found = await replacements.find(rollId, wanted);
    if (found.kind !== "blob") return { row, found };
    return { row, found: { ...found, chainPem: await replacements.keep(rollId, registrationId, found.chainPem) } };
  });
  return answers.flatMap((answer) => (answer === undefined || answer instanceof RollError ? [] : [answer]));
}

interface GroupLeafWorld extends LeafWorld {
  /** CAs by which the group lets devices in once the roll is over, and those that go. */
  readonly good: readonly Sha256Thumbprint[];
  readonly old: readonly Sha256Thumbprint[];
  readonly known: readonly TrustedAuthority[];
}

/** In a CA's roll the CA that takes over counts as verified: nobody is told to change over before it is. */
async function readWorld(
  { blobs, groups, authorities, certificates, policy, clock }: PlanGroupLeavesDeps,
  rollId: RollId,
  request: RollRequest,
  found: readonly Found[],
): Promise<GroupLeafWorld> {
  const [plan, held] = await Promise.all([blobs.findDocument(rollId, authorityPlan), authorities.list()]);
  const readable = held.flatMap(({ name, isVerified, certificate }) =>
    certificate === undefined ? [] : [{ name, isVerified, certificatePem: certificate.pem }],
  );
  const successor: TrustedAuthority[] =
    plan === undefined ? [] : [{ name: "successor", certificatePem: plan.successor.certificatePem }];
  const chains = found.flatMap(({ row, found: leaf }): [RegistrationId, string][] =>
    "chainPem" in leaf ? [[row.registrationId, leaf.chainPem]] : [],
  );
  const reading = plan === undefined ? await groups.get(idOf(groupScope(request))) : undefined;
  const slots = reading?.outcome === "found" ? slotsOf(reading.group, held) : undefined;
  return {
    certificates,
    policy,
    authorities: [...readable.filter(({ isVerified }) => isVerified), ...successor],
    keysOfOthers: sharedKeys(certificates, new Map(chains)),
    now: clock.now(),
    good:
      plan === undefined
        ? [slots?.primary, slots?.secondary].flatMap((slot) => slot?.sha256Thumbprint ?? [])
        : [plan.successor.sha256Thumbprint],
    old: (plan?.old ?? []).flatMap(({ sha256Thumbprint }) => sha256Thumbprint ?? []),
    known: [...readable, ...successor],
  };
}

function judge(row: DeviceRow, found: FoundReplacement, world: GroupLeafWorld): DeviceRow {
  switch (found.kind) {
    case "none":
      return refuse(row, { code: "replacement-missing", detail: NONE });
    case "discarded":
      return refuse(row, { code: found.code, detail: found.code === "private-key-in-input" ? DISCARDED : UNREADABLE });
    case "inline":
    case "blob": {
      const judged = judgeLeaf(row, found.chainPem, { entry: "group", old: undefined }, world);
      const foreign = judged.planned === undefined ? undefined : foreignTo(world, found.chainPem);
      return foreign === undefined ? judged : refuse(row, foreign);
    }
    default:
      return found satisfies never;
  }
}

/** DPS would let it in by another entry, or not at all. */
function foreignTo({ certificates, good, old, known }: GroupLeafWorld, chainPem: string): Refusal | undefined {
  const reading = certificates.readChain(chainPem);
  const leadsTo = (cas: readonly Sha256Thumbprint[], chain: Chain): boolean =>
    cas.some((ca) => chain.chainsTo(ca, known));
  if (reading.outcome === "read" && leadsTo(good, reading.chain) && !leadsTo(old, reading.chain)) return undefined;
  return { code: "foreign-authority", detail: FOREIGN };
}

const NONE = "there is no new certificate for the device; send one, or put one into the container";
const UNREADABLE = "the replacement holds no readable certificate";
const FOREIGN =
  "the chain does not lead to the CA that lets the group's devices in once the roll is over, or still leads to the one that goes; issue the leaf from that CA";
