import type { LabCertificate } from "../../../lab/pki/certificates";
import type { DeviceId, HubHostName, RollId, Sha256Thumbprint } from "../../../shared/domain/ids";
import { DeviceId as DeviceIdSchema } from "../../../shared/domain/ids";
import type { FakeAzure } from "../../support/fake-azure";

/** One certificate of the world. Thumbprints that no certificate has open nothing: they are sentinels. */
interface Leaf {
  readonly device: string;
  readonly certificate: LabCertificate;
  /** The device has its key; else only a thief does. */
  readonly own: boolean;
}

/**
 * What is so, whatever the app's rows say: which leaves there are, which of them a thief holds, and what Azure would let
 * in by them. Read from the services' own state.
 */
export class Truth {
  private readonly leaves = new Map<string, Leaf>();
  /** Leaves in wrong hands since the roll's alert, by roll and device. */
  private readonly stolen = new Map<RollId, Map<string, ReadonlySet<string>>>();
  private readonly learnt = new Set<string>();
  /** The rolls that a roll has taken a device from. */
  private readonly heirs = new Map<string, ReadonlySet<RollId>>();
  /** When, in the order of events, anybody but the app last changed what the device may use. */
  private readonly touched = new Map<string, number>();
  /** When people last did. */
  private readonly edited = new Map<string, number>();
  private readonly byGroup = new Map<string, { readonly at: string; readonly leaves: ReadonlySet<string> }>();
  private events = 0;

  constructor(private readonly azure: FakeAzure) {}

  /** The next number in the order of events. */
  next(): number {
    this.events += 1;
    return this.events;
  }

  add(device: string, certificate: LabCertificate, own = true): void {
    this.leaves.set(certificate.sha256Thumbprint, { device, certificate, own });
  }

  pemOf(thumbprint: string | undefined): string | undefined {
    return thumbprint === undefined ? undefined : this.leaves.get(thumbprint)?.certificate.certificatePem;
  }

  steal(rollId: RollId, device: string, thumbprints: readonly string[]): void {
    const ofRoll = this.stolen.get(rollId) ?? new Map<string, ReadonlySet<string>>();
    this.stolen.set(rollId, ofRoll.set(device, new Set(thumbprints)));
  }

  /** The roll has read what its alert is about: from now on no write may let it in again. */
  learn(rollId: RollId, device: string): void {
    this.learnt.add(`${rollId}|${device}`);
  }

  /** What the app knows to be stolen when this roll writes. */
  knownStolenOf(device: string, writer: RollId | undefined): ReadonlySet<string> {
    const rolls = [...this.stolen.keys()].filter((id) => id === writer || this.learnt.has(`${id}|${device}`));
    return new Set(rolls.flatMap((id) => [...this.stolenOf(device, id)]));
  }

  /** Whoever takes a device over answers for what the other roll was about as well. */
  inherit(device: string, from: RollId, to: RollId): void {
    const key = `${to}|${device}`;
    this.heirs.set(
      key,
      new Set([...(this.heirs.get(key) ?? []), from, ...(this.heirs.get(`${from}|${device}`) ?? [])]),
    );
  }

  /** What the thief has of this device; `by`: as far as one roll has to know. */
  stolenOf(device: string, by?: RollId): ReadonlySet<string> {
    const rolls = by === undefined ? this.stolen.keys() : [by, ...(this.heirs.get(`${by}|${device}`) ?? [])];
    return new Set([...rolls].flatMap((roll) => [...(this.stolen.get(roll)?.get(device) ?? [])]));
  }

  /** Somebody else has changed what the device may use. `portal`: a person, by hand. */
  touch(device: string, how: "registration" | "portal"): void {
    this.touched.set(device, this.next());
    if (how === "portal") this.edited.set(device, this.next());
  }

  touchedAt(device: string): number {
    return this.touched.get(device) ?? 0;
  }

  /** A person has had a hand in it: what the device may use is not the app's doing alone. */
  isMeddledWith(device: string): boolean {
    return this.edited.has(device);
  }

  editedAt(device: string): number {
    return this.edited.get(device) ?? 0;
  }

  /** Hubs in which an enabled identity takes one of these leaves. */
  opens(device: string, thumbprints: ReadonlySet<string>): HubHostName[] {
    return this.azure.hubs.hostNames.filter((host) => {
      const identity = this.identity(device, host);
      return identity?.status === "enabled" && held(identity).some((thumbprint) => thumbprints.has(thumbprint));
    });
  }

  /** Leaves of the world that stand in an identity, enabled or not. */
  inHub(device: string): ReadonlySet<string> {
    const all = this.azure.hubs.hostNames.flatMap((host) => held(this.identity(device, host)));
    return new Set(all.filter((thumbprint) => this.leaves.has(thumbprint)));
  }

  /** Leaves by which DPS lets the device register. */
  accepted(device: string): ReadonlySet<string> {
    const entry = this.azure.dps.entry(device);
    if (entry !== undefined) return new Set(entry.provisioningStatus === "enabled" ? slotsOf(entry) : []);
    return this.acceptedByGroup(device);
  }

  /** Chains are slow to verify, and DPS seldom changes. */
  private acceptedByGroup(device: string): ReadonlySet<string> {
    const at = `${this.azure.revision} ${this.leaves.size}`;
    const known = this.byGroup.get(device);
    if (known?.at === at) return known.leaves;
    const ofDevice = [...this.leaves].filter(([, leaf]) => leaf.device === device);
    const leaves = new Set(
      ofDevice.flatMap(([thumbprint, { certificate }]) =>
        this.azure.accepts(device, certificate.chainPem) === undefined ? [] : [thumbprint],
      ),
    );
    this.byGroup.set(device, { at, leaves });
    return leaves;
  }

  /** The thief gets in somewhere: where. */
  leaks(device: string, thumbprints: ReadonlySet<string>): string[] {
    const atDps = [...this.accepted(device)].some((thumbprint) => thumbprints.has(thumbprint)) ? ["DPS"] : [];
    return [...atDps, ...this.opens(device, thumbprints)];
  }

  /** Leaves that the device has the keys of, whoever else has them too. */
  ownOf(device: string): ReadonlySet<string> {
    return new Set([...this.leaves].flatMap(([t, leaf]) => (leaf.device === device && leaf.own ? [t] : [])));
  }

  identity(device: string, host: HubHostName): ReturnType<ReturnType<FakeAzure["hub"]>["identity"]> {
    return this.azure.hub(host).identity(idOf(device));
  }
}

export function idOf(device: string): DeviceId {
  return DeviceIdSchema.parse(device);
}

interface Slots {
  readonly primary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
  readonly secondary: { readonly sha256Thumbprint: Sha256Thumbprint } | undefined;
}

export function slotsOf(entry: Slots | undefined): string[] {
  return [entry?.primary, entry?.secondary].flatMap((slot) => (slot === undefined ? [] : [slot.sha256Thumbprint]));
}

export function held(
  identity:
    { readonly primaryThumbprint: string | undefined; readonly secondaryThumbprint: string | undefined } | undefined,
): string[] {
  return [identity?.primaryThumbprint, identity?.secondaryThumbprint].filter((thumbprint) => thumbprint !== undefined);
}
