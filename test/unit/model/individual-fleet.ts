import { createRoot, issueLeaf, type LabCertificate } from "../../../lab/pki/certificates";
import { RegistrationId, type Slot } from "../../../shared/domain/ids";
import type { DeviceRow } from "../../../shared/domain/roll/device-row";
import type { Containment } from "../../../shared/domain/roll/playbook";
import type { RollRequest, RollTarget } from "../../../shared/domain/roll/request";
import { t0 } from "../../support/builders";
import { orderedAs, ROLLS, type Fleet, type Ground, type LeafName, type RollName } from "./fleet";
import { held, idOf } from "./truth";

const DAY = 86_400_000;

/** What a breach roll is asked for. */
export interface BreachOrder {
  readonly containment: Containment;
  /** A new leaf comes with it. */
  readonly renews: boolean;
  /** The alert brings the leaf that leaked, beside the slot. */
  readonly namesLeaf: boolean;
}

/** The fleet and its rolls as they begin. */
export interface Setting {
  readonly hubs: 1 | 2;
  /** Whether each device has a second leaf in its entry. */
  readonly standbys: readonly boolean[];
  /** The breach is about so many of them. */
  readonly leaked: number;
  readonly breach: BreachOrder;
  readonly wider: BreachOrder;
}

const SLOTS: Readonly<Record<RollName, readonly Slot[]>> = {
  expiry: [],
  breach: ["primary"],
  wider: ["primary", "secondary"],
};

/** What people change by hand. */
export const EDITS = [
  "touch-entry",
  "old-leaf-back",
  "swap-slots",
  "disable-entry",
  "enable-entry",
  "old-leaf-into-hub",
  "enable-identity",
  "delete-identity",
] as const;

const pki = {
  root: createRoot({ commonName: "Model root", notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_650 * DAY) }),
  leaves: new Map<string, LabCertificate>(),
};

/** Keys are slow to make: the same device has the same leaves in every world. */
function leafOf(device: string, name: LeafName): LabCertificate {
  const key = `${device}|${name}`;
  const days = name === "old" ? 10 : 90;
  const validity = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + days * DAY) };
  const leaf = pki.leaves.get(key) ?? issueLeaf({ commonName: device, issuer: pki.root, ...validity });
  pki.leaves.set(key, leaf);
  return leaf;
}

/** Devices with an individual enrollment each. The expiry roll is about all of them, as are both breaches. */
export class IndividualFleet implements Fleet {
  readonly hubs;
  readonly devices;
  readonly prover = { sign: () => Promise.resolve({ outcome: "no-signer" as const }) };
  readonly leaf = leafOf;

  constructor(private readonly setting: Setting) {
    this.hubs = setting.hubs;
    this.devices = setting.standbys.map((_, n) => `pump-${n + 1}`);
  }

  enroll({ bed: { azure }, truth }: Ground): void {
    azure.addAuthority("model-root", pki.root.certificatePem);
    for (const [n, device] of this.devices.entries()) {
      const [old, standby] = [leafOf(device, "old"), leafOf(device, "standby")];
      const hasStandby = this.setting.standbys[n] === true;
      truth.add(device, old);
      if (hasStandby) truth.add(device, standby);
      truth.add(device, leafOf(device, "stranger"), false);
      const secondary = hasStandby ? { secondaryPem: standby.certificatePem } : {};
      azure.addEnrollment({ registrationId: device, primaryPem: old.certificatePem, ...secondary });
      azure.register(device, old.certificatePem);
    }
  }

  order(name: RollName, { bed, truth }: Ground, timing: RollRequest["timing"]): RollRequest {
    const targets = this.concerned(name).map((device) => this.target(name, device, truth));
    const about = { ...orderedAs(name, bed.clock.now()), targets, timing };
    if (name === "expiry") return { ...about, playbook: "individual-expiry" };
    return { ...about, playbook: "individual-breach", containment: this.setting[name].containment };
  }

  private concerned(name: RollName): readonly string[] {
    return name === "breach" ? this.devices.slice(0, this.setting.leaked) : this.devices;
  }

  private target(name: RollName, device: string, truth: Ground["truth"]): RollTarget {
    const fresh = leafOf(device, name);
    const { renews, namesLeaf } = name === "expiry" ? { renews: true, namesLeaf: false } : this.setting[name];
    if (renews) truth.add(device, fresh);
    return {
      registrationId: RegistrationId.parse(device),
      compromisedSlots: [...SLOTS[name]],
      ...(namesLeaf ? { compromisedPem: leafOf(device, "old").certificatePem } : {}),
      replacement: renews ? { kind: "inline", chainPem: fresh.chainPem } : { kind: "none" },
    };
  }

  /**
   * An alert that names slots is about what stands in them when its roll reads them first; one that names a leaf, about that
   * leaf too. What an open roll has put there itself is not meant.
   */
  stolen(name: RollName, device: string, { bed }: Ground): string[] {
    if (name === "expiry" || !this.concerned(name).includes(device)) return [];
    const entry = bed.azure.dps.entry(device);
    const named = SLOTS[name].flatMap((slot) => entry?.[slot]?.sha256Thumbprint ?? []);
    const fresh = ROLLS.map((roll) => leafOf(device, roll).sha256Thumbprint);
    const leaf = this.setting[name].namesLeaf ? [leafOf(device, "old").sha256Thumbprint] : [];
    return [...named.filter((thumbprint) => !fresh.includes(thumbprint)), ...leaf];
  }

  named(name: RollName): readonly Slot[] {
    return SLOTS[name];
  }

  isUnread(name: RollName, device: string, row: DeviceRow | undefined): Promise<boolean> {
    if (!this.concerned(name).includes(device)) return Promise.resolve(false);
    const unread = row === undefined || (row.nameInEntry === undefined && row.skipped === undefined);
    return Promise.resolve(name !== "expiry" && unread);
  }

  /** Cut off, and somebody has to bring it a leaf. */
  mayBeOut(device: string, _begun: unknown, _ground: unknown, rows: readonly DeviceRow[]): boolean {
    return rows.some(
      ({ registrationId, skipped, entry, allowed }) =>
        registrationId === device &&
        skipped === undefined &&
        (entry.disabled || (entry.disabledByUs === true && allowed.length === 0)),
    );
  }

  edit(what: string, device: string, { bed: { azure }, truth }: Ground): readonly string[] {
    const entry = azure.dps.entry(device);
    const old = leafOf(device, "old").sha256Thumbprint;
    const [primary, secondary] = [entry?.primary?.sha256Thumbprint, entry?.secondary?.sha256Thumbprint];
    const rewrite = (slots: readonly (string | undefined)[], provisioningStatus: "enabled" | "disabled"): void => {
      const [first, second] = slots.map((thumbprint) => truth.pemOf(thumbprint));
      if (first === undefined && second === undefined) return;
      const primaryPem = first === undefined ? {} : { primaryPem: first };
      const secondaryPem = second === undefined ? {} : { secondaryPem: second };
      azure.addEnrollment({ registrationId: device, provisioningStatus, ...primaryPem, ...secondaryPem });
    };
    if (what === "touch-entry") azure.dps.touch(device);
    else if (what === "old-leaf-back") rewrite([old, secondary], "enabled");
    else if (what === "swap-slots") rewrite([secondary, primary], entry?.provisioningStatus ?? "enabled");
    else if (what === "disable-entry") rewrite([primary, secondary], "disabled");
    else if (what === "enable-entry") rewrite([primary, secondary], "enabled");
    else if (!editIdentity(what, device, old, azure)) throw new Error(`nobody knows how to ${what}`);
    return [device];
  }
}

/** What people do to identities; false if it is something else. */
export function editIdentity(what: string, device: string, leaf: string, azure: Ground["bed"]["azure"]): boolean {
  const deviceId = idOf(device);
  if (what === "old-leaf-into-hub") azure.addIdentity({ deviceId, primaryThumbprint: leaf });
  else if (what === "delete-identity") azure.hub().remove(deviceId);
  else if (what === "enable-identity") {
    const [first, second] = held(azure.hub().identity(deviceId));
    const more = second === undefined ? {} : { secondaryThumbprint: second };
    if (first !== undefined) azure.addIdentity({ deviceId, primaryThumbprint: first, ...more });
  } else return false;
  return true;
}
