import { findDue, horizon, leavesInUse } from "../../domain/expiry/due";
import type { Proposal } from "../../domain/expiry/proposal";
import type { ExpiryRule } from "../../domain/expiry/rule";
import { EnrollmentGroupId, type RollId } from "../../domain/ids";
import { addMs, type Instant } from "../../domain/instant";
import { expiringTrust } from "../../domain/inventory/expiring";
import type { Expiry } from "../../domain/inventory/inventory";
import type { DeviceRecord } from "../../domain/inventory/records";
import { graphOf } from "../../domain/inventory/trust";
import type { PolicyVersion } from "../../domain/policy/policies";
import type { RollRequest, RollTiming } from "../../domain/roll/request";
import type { Clock } from "../../ports/clock";
import type { InventoryStore } from "../../ports/inventory";
import type { PolicyStore } from "../../ports/policies";
import type { ProposalStore } from "../../ports/proposals";
import type { RollStarter } from "../../ports/starter";
import { everyDevice } from "../inventory/ask-inventory";
import { startRoll, type StartRollDeps } from "../start-roll";
import { ruleOf } from "./rule-of";

export interface RunExpiryDeps extends StartRollDeps {
  readonly clock: Clock;
  readonly inventories: InventoryStore;
  readonly policies: Pick<PolicyStore, "current" | "history">;
  readonly proposals: ProposalStore;
  readonly timing: Omit<RollTiming, "deadline"> & { readonly deadlineMs: number };
}

export interface ExpiryRun {
  /** Certificates that some rule has something to say about, by how near their end they are. */
  readonly standing: Readonly<Record<"warned" | "due" | "critical" | "expired", number>>;
  /** Rolls that were noted in this run as due. */
  readonly noted: number;
  readonly started: readonly RollId[];
}

/** The source under which these rolls are claimed. */
const SOURCE = "expiry";
/** Devices per roll; what is left goes into another one. */
const PER_ROLL = 1_000;
/** After this long a run counts as cut off. */
const LEFT_ALONE_MS = 600_000;
/** Proposals noted at a time. */
const PAGE = 500;

/**
 * Looks through the latest inventory for certificates that a rule wants rolled, notes each once, and starts those whose
 * rule says so. A roll's devices are fixed before it is started, so that a run that was cut off is taken up by the next and
 * starts nothing twice. A CA needs a successor, which nobody can make up: CA rolls are only proposed, whatever the rule says.
 * Undefined: there is no inventory yet.
 */
export function createRunExpiry(deps: RunExpiryDeps): (starter: RollStarter) => Promise<ExpiryRun | undefined> {
  return async (starter) => {
    const latest = await deps.inventories.latest();
    if (latest === undefined) return undefined;
    const version = await deps.policies.current();
    const scan = new Scan(deps, version);
    for (const expiry of expiringTrust(graphOf(await deps.inventories.getTrust(latest.inventoryId)), scan.before))
      await scan.look(expiry, undefined);
    for await (const device of everyDevice(deps.inventories, latest))
      for (const expiry of leavesInUse(device, scan.before)) await scan.look(expiry, device);
    await scan.flush();
    const own = await putIntoLots(deps);
    const started = await startLots(deps, own, starter);
    return { standing: scan.standing, noted: scan.noted, started };
  };
}

class Scan {
  readonly standing = { warned: 0, due: 0, critical: 0, expired: 0 };
  readonly before: Instant;
  noted = 0;
  private readonly now: Instant;
  private page: Proposal[] = [];

  constructor(
    private readonly deps: RunExpiryDeps,
    private readonly version: PolicyVersion,
  ) {
    this.now = deps.clock.now();
    this.before = horizon(version.policies.expiry, this.now);
  }

  async look(expiry: Expiry, device: DeviceRecord | undefined): Promise<void> {
    const found = findDue(this.version.policies.expiry, expiry, this.now);
    if (found === undefined || found.standing === "fine") return;
    this.standing[found.standing] += 1;
    if (found.standing === "warned" || found.standing === "expired" || found.rule.action === "off") return;
    this.page.push(this.toProposal(expiry, found.rule, device));
    if (this.page.length >= PAGE) await this.flush();
  }

  async flush(): Promise<void> {
    const page = this.page;
    this.page = [];
    if (page.length > 0) this.noted += (await this.deps.proposals.note(page)).length;
  }

  private toProposal(expiry: Expiry, rule: ExpiryRule, device: DeviceRecord | undefined): Proposal {
    const { entropy } = this.deps;
    const { level, at, id, slot = "", notAfter } = expiry;
    const isLeaf = device?.registrationId !== undefined && (at === "enrollment" || device.groupId !== undefined);
    const groupId = expiry.at === "group" ? EnrollmentGroupId.safeParse(id.toLowerCase()).data : device?.groupId;
    return {
      key: entropy.sha256(JSON.stringify([this.version.version, level, at, id, slot, notAfter])),
      policyVersion: this.version.version,
      rule: rule.name,
      expiry,
      ...(device?.registrationId === undefined ? {} : { registrationId: device.registrationId }),
      ...(groupId === undefined || expiry.at === "enrollment" ? {} : { groupId }),
      notedAt: this.now,
      state: rule.action === "start" && isLeaf ? "starting" : "proposed",
    };
  }
}

/** Fixes which proposals make up a roll: by rule, and by group where devices came through one. Answers the lots' ids. */
async function putIntoLots({ proposals, entropy, clock }: RunExpiryDeps): Promise<ReadonlySet<string>> {
  const kinds = new Map<string, string[]>();
  for (const { lot, rule, policyVersion, groupId = "", key } of await proposals.listStarting()) {
    if (lot !== undefined) continue;
    const kind = `${policyVersion}|${rule}|${groupId}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), key]);
  }
  const ids = new Set<string>();
  for (const keys of kinds.values())
    for (let at = 0; at < keys.length; at += PER_ROLL) {
      const part = keys.slice(at, at + PER_ROLL);
      const lot = { id: entropy.sha256(part.join("|")), at: clock.now() };
      ids.add(lot.id);
      await proposals.update(part, (stored) => (stored.lot === undefined ? { ...stored, lot } : undefined));
    }
  return ids;
}

/** Starts the lots of this run, and those of runs that were cut off; a lot that another run is just filling is left to it. */
async function startLots(deps: RunExpiryDeps, own: ReadonlySet<string>, starter: RollStarter): Promise<RollId[]> {
  const lots = new Map<string, Proposal[]>();
  for (const proposal of await deps.proposals.listStarting()) {
    const { lot } = proposal;
    if (lot === undefined || !(own.has(lot.id) || addMs(lot.at, LEFT_ALONE_MS) <= deps.clock.now())) continue;
    lots.set(lot.id, [...(lots.get(lot.id) ?? []), proposal]);
  }
  const started: RollId[] = [];
  for (const [id, lot] of lots) {
    const name = { source: SOURCE, id, body: id };
    const answer = await startRoll(deps, starter, name, await toRequest(deps, id, lot));
    if (answer.outcome === "problem") continue;
    const { rollId } = answer;
    await deps.proposals.update(
      lot.map(({ key }) => key),
      (stored) => ({ ...stored, state: "started", rollId }),
    );
    started.push(rollId);
  }
  return started;
}

async function toRequest(
  { clock, timing: { deadlineMs, ...timing }, policies }: RunExpiryDeps,
  id: string,
  lot: readonly Proposal[],
): Promise<RollRequest> {
  const [first] = lot;
  if (first === undefined) throw new Error("a roll of nothing");
  const rule = await ruleOf(policies, first);
  const { groupId } = first;
  const ids = [...new Set(lot.flatMap(({ registrationId }) => registrationId ?? []))].sort();
  return {
    playbook: groupId === undefined ? "individual-expiry" : "group-expiry",
    source: SOURCE,
    alertId: id,
    reason: `rule ${first.rule} of policies ${first.policyVersion}: certificates run out`,
    requestedAt: clock.now(),
    targets: ids.map((registrationId) => ({ registrationId, compromisedSlots: [], replacement: { kind: "none" } })),
    ...(groupId === undefined ? {} : { group: { groupId, authority: "leaf" } }),
    replacement: rule?.replacement?.kind ?? (groupId === undefined ? "csr" : "device-managed"),
    ...(rule?.approval === undefined ? {} : { approval: rule.approval }),
    ...(rule?.waves === undefined ? {} : { waves: rule.waves }),
    timing: { ...timing, deadline: addMs(clock.now(), deadlineMs) },
  };
}
