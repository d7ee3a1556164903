import { AsyncLocalStorage } from "node:async_hooks";
import type { ServiceCall } from "../../../lab/faults/faults";
import { dropAuthority, replaceAuthority, stageAuthority } from "../../../shared/contract/authority-activities";
import { retireBatch } from "../../../shared/contract/reprovision";
import { AuthorityName, type RollId, type Slot } from "../../../shared/domain/ids";
import type { Enrollments } from "../../../shared/ports/enrollments";
import type { TargetClaims } from "../../../shared/ports/target-claims";
import type { FakeAzure } from "../../support/fake-azure";
import type { Ground } from "./fleet";
import { held, slotsOf, type Truth } from "./truth";

/** One run of an activity, as far as it can be asked what it knew. */
export interface Run {
  readonly activity: string;
  readonly rollId: RollId;
  /** Its place in the order of events. */
  readonly startedAt: number;
  /** When it last asked who holds its devices. */
  fencedAt: number;
  /** Service calls that were answered. */
  calls: number;
}

/** The steps that change whom a group trusts. */
const TRUSTING: readonly string[] = [stageAuthority, replaceAuthority, dropAuthority].map(({ name }) => name);

type Entry = ReturnType<FakeAzure["dps"]["entry"]>;
type Identity = ReturnType<Truth["identity"]>;

/**
 * Looks over the app's shoulder: every write that a service has carried out is held against the laws of single writes, with
 * what stood there before, and with what the run that wrote it had been told.
 */
export class Watch {
  readonly broken: string[] = [];
  /** When the app's own write last left the device without any session, by its clock. */
  readonly cutAt = new Map<string, number>();
  readonly run = new AsyncLocalStorage<Run>();
  private readonly azure: FakeAzure;
  private readonly truth: Truth;
  private readonly entries = new Map<string, Entry>();
  private readonly groups = new Map<string, ReturnType<FakeAzure["fakeGroups"]["group"]>>();
  /** The leaves by which DPS lets a device in. */
  private readonly accepted = new Map<string, ReadonlySet<string>>();
  private readonly identities = new Map<string, Identity>();
  /** When a roll lost a device to another one. */
  private readonly holders = new Map<string, { readonly rollId: RollId; readonly at: number }>();
  private readonly lost = new Map<string, number>();

  constructor(
    private readonly ground: Ground,
    private readonly devices: readonly string[],
    /** The slots that a roll's alert calls compromised. */
    private readonly namedBy: (rollId: RollId) => readonly Slot[],
  ) {
    this.azure = ground.bed.azure;
    this.truth = ground.truth;
    this.azure.faults.observe((call) => this.judge(call));
    this.look();
  }

  /** Takes what stands now for what stood before: called after everything that others do. */
  look(): void {
    for (const groupId of ["fleet", ...this.groups.keys()])
      this.groups.set(groupId, this.azure.fakeGroups.group(groupId));
    for (const device of this.devices) {
      this.accepted.set(device, this.truth.accepted(device));
      this.entries.set(device, this.azure.dps.entry(device));
      for (const host of this.azure.hubs.hostNames)
        this.identities.set(`${host}|${device}`, this.truth.identity(device, host));
    }
  }

  /** The claims, with a note of who lost what and who asked when. */
  claims(inner: TargetClaims): TargetClaims {
    return {
      claim: async (claimant, kind, targets) => {
        const answer = await inner.claim(claimant, kind, targets);
        const at = this.truth.next();
        for (const { id } of targets)
          if (!answer.held.has(id)) this.holders.set(`${kind}|${id}`, { rollId: claimant.rollId, at });
        for (const [id, { rollId }] of answer.superseded) {
          if (!this.lost.has(`${rollId}|${kind}|${id}`)) this.lost.set(`${rollId}|${kind}|${id}`, this.truth.next());
          this.truth.inherit(id, rollId, claimant.rollId);
        }
        return answer;
      },
      takeovers: (rollId) => {
        this.fence();
        return inner.takeovers(rollId);
      },
      holders: (...of) => inner.holders(...of),
      takers: (...of) => {
        this.fence();
        return inner.takers(...of);
      },
      release: async (rollId, kind, ids) => {
        for (const id of ids)
          if (this.holders.get(`${kind}|${id}`)?.rollId === rollId) this.holders.delete(`${kind}|${id}`);
        await inner.release(rollId, kind, ids);
      },
    };
  }

  /** The run asks, now, whether its targets are still its roll's. */
  private fence(): void {
    const run = this.run.getStore();
    if (run !== undefined) run.fencedAt = this.truth.next();
  }

  /** DPS, which refuses an entry without certificates: so that what the app asked for must be heard here. */
  enrollments(inner: Enrollments): Enrollments {
    return {
      ...inner,
      put: async (enrollment, change) => {
        const answer = await inner.put(enrollment, change);
        if (answer.outcome === "refused" && answer.detail.startsWith("at least one"))
          this.breaks(`asked DPS to empty both slots of ${enrollment.registrationId}`);
        return answer;
      },
    };
  }

  private judge({ operation, subject }: ServiceCall): void {
    const run = this.run.getStore();
    if (run !== undefined) run.calls += 1;
    if (operation === "dps.enrollment.put" || operation === "dps.enrollment.delete") this.judgeEntry(subject);
    if (operation.startsWith("hub.registry.bulk"))
      for (const device of subject.split(","))
        for (const host of this.azure.hubs.hostNames) this.judgeHub(device, host);
    if (operation === "hub.method.invoke") this.judgeFence("device", subject, "sent a command to");
    if (operation === "dps.group.put") this.judgeGroup(subject);
    if (operation === "dps.ca.delete" && this.azure.fakeGroups.refersTo(AuthorityName.parse(subject)))
      this.breaks(`deleted the CA ${subject}, which a group refers to`);
  }

  private judgeEntry(device: string): void {
    const [before, after] = [this.entries.get(device), this.azure.dps.entry(device)];
    if (before?.etag === after?.etag) return;
    this.entries.set(device, after);
    this.judgeFence("device", device, "wrote the entry of");
    const run = this.run.getStore();
    const stolen = this.truth.knownStolenOf(device, run?.rollId);
    const openTo = (entry: Entry): string[] =>
      entry?.provisioningStatus === "enabled" ? slotsOf(entry).filter((thumbprint) => stolen.has(thumbprint)) : [];
    if (openTo(after).some((thumbprint) => !openTo(before).includes(thumbprint)))
      this.breaks(`opened the entry of ${device} to a stolen leaf`);
    // What stands in a slot that the alert names is to go, whatever it is.
    const named = run === undefined ? [] : this.namedBy(run.rollId);
    const gone = (["primary", "secondary"] as const)
      .filter((slot) => !named.includes(slot))
      .flatMap((slot) => before?.[slot]?.sha256Thumbprint ?? [])
      .filter((thumbprint) => !slotsOf(after).includes(thumbprint));
    const needed = gone.find((thumbprint) => !stolen.has(thumbprint) && this.truth.inHub(device).has(thumbprint));
    if (needed !== undefined && !this.raced(device))
      this.breaks(`cleared the slot of ${device} whose leaf an identity holds`);
  }

  /** Whoever does something while a step is under way is faster than any read before a write. */
  private raced(device: string): boolean {
    return this.truth.touchedAt(device) > (this.run.getStore()?.startedAt ?? 0);
  }

  private judgeHub(device: string, host: Parameters<Truth["identity"]>[1]): void {
    const [before, after] = [this.identities.get(`${host}|${device}`), this.truth.identity(device, host)];
    if (before?.etag === after?.etag) return;
    this.identities.set(`${host}|${device}`, after);
    this.judgeFence("device", device, "wrote the identity of");
    if (after?.status !== "enabled") this.cutAt.set(device, this.ground.bed.clock.now());
    const stolen = this.truth.knownStolenOf(device, this.run.getStore()?.rollId);
    if (after?.status === "enabled" && held(after).some((thumbprint) => stolen.has(thumbprint)))
      this.breaks(`left the identity of ${device} enabled for a stolen leaf`);
  }

  private judgeGroup(groupId: string): void {
    const [before, after] = [this.groups.get(groupId), this.azure.fakeGroups.group(groupId)];
    if (after === undefined || before?.etag === after.etag) return;
    this.groups.set(groupId, after);
    const run = this.run.getStore();
    // Closing is every breach's own business; opening and changing is the holder's.
    if (run !== undefined && TRUSTING.includes(run.activity)) this.judgeFence("group", groupId, "wrote the group");
    const { attestation: held } = after;
    if (held.kind === "other") return;
    if (held.primary === undefined && held.secondary === undefined)
      this.breaks(`emptied both slots of group ${groupId}`);
    // What others have left it with is not this write's fault, as long as it stays closed.
    const opened = before?.provisioningStatus !== "enabled" && after.provisioningStatus === "enabled";
    const stood = before === undefined || before.attestation.kind === "other" ? undefined : before.attestation;
    const isNew = (slot: unknown): boolean => opened || (slot !== stood?.primary && slot !== stood?.secondary);
    // Nor is what somebody changes while the step is under way, in a record that this write is not guarded by.
    if (this.devices.some((device) => this.truth.editedAt(device) > (run?.startedAt ?? 0))) return;
    for (const slot of [held.primary, held.secondary])
      if (typeof slot === "string" && isNew(slot) && this.azure.fakeAuthorities.verified(slot) === undefined)
        this.breaks(`left group ${groupId} with ${slot}, which is missing or not verified`);
    for (const device of this.devices) {
      const stolen = this.truth.knownStolenOf(device, run?.rollId);
      const taken = [...this.truth.accepted(device)].filter((thumbprint) => stolen.has(thumbprint));
      if (taken.some((thumbprint) => this.accepted.get(device)?.has(thumbprint) !== true))
        this.breaks(`opened group ${groupId} to a stolen leaf of ${device}`);
    }
  }

  private judgeFence(kind: "device" | "group", id: string, did: string): void {
    const run = this.run.getStore();
    if (run === undefined) return;
    const lostAt = this.lost.get(`${run.rollId}|${kind}|${id}`);
    const asked = Math.max(run.fencedAt, run.startedAt);
    if (lostAt !== undefined && lostAt < asked) this.breaks(`${did} ${id}, which another roll had taken`);
    // Old leaves leave entries that are as the roll left them, whoever has the device by then.
    if (run.activity === retireBatch.name) return;
    const holder = this.holders.get(`${kind}|${id}`);
    if (holder !== undefined && holder.rollId !== run.rollId && holder.at < asked)
      this.breaks(`${did} ${id}, which roll ${holder.rollId} has`);
  }

  private breaks(what: string): void {
    const run = this.run.getStore();
    this.broken.push(`${run?.activity ?? "?"} of ${run?.rollId ?? "?"} ${what}`);
  }
}
