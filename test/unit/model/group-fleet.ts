import {
  createIntermediate,
  createRoot,
  issueLeaf,
  type CertificateAuthority,
  type LabCertificate,
} from "../../../lab/pki/certificates";
import { AuthorityName, EnrollmentGroupId, Sha256Thumbprint, type Slot } from "../../../shared/domain/ids";
import type { GroupScope, RollRequest } from "../../../shared/domain/roll/request";
import type { PossessionProver } from "../../../shared/ports/issuers";
import { documents } from "../../../shared/steps/roll-documents";
import { t0 } from "../../support/builders";
import { orderedAs, rollIdOf, ROLLS, type Fleet, type Ground, type LeafName, type RollName } from "./fleet";
import { editIdentity } from "./individual-fleet";

const DAY = 86_400_000;
const GROUP = EnrollmentGroupId.parse("fleet");
const GHOST = "ghost-1";

/** How a group's CAs stand in it. */
export type Family = "caReferences" | "signingCertificates";
/** The CA that the group begins with, and the one that each roll brings. */
const AUTHORITIES = ["old", ...ROLLS] as const;
type CaName = (typeof AUTHORITIES)[number];

/** What a breach of a CA is asked for. */
interface BreachOrder {
  /** A new CA comes with it. */
  readonly renews: boolean;
  /** The alert names the CA's certificate, else its slot. */
  readonly namesLeaf: boolean;
}

/** The fleet and its rolls as they begin. */
export interface Setting {
  readonly hubs: 1 | 2;
  readonly members: number;
  readonly family: Family;
  /** The app has the keys of new CAs, and can prove possession by itself. */
  readonly hasKeys: boolean;
  readonly breach: BreachOrder;
  readonly wider: BreachOrder;
}

/** What people change by hand. */
export const EDITS = [
  "old-ca-back",
  "swap-cas",
  "disable-group",
  "enable-group",
  "upload-new-cas-again",
  "old-leaf-into-hub",
  "enable-identity",
  "delete-identity",
] as const;

const SLOTS: Readonly<Record<RollName, readonly Slot[]>> = {
  expiry: [],
  breach: ["primary"],
  wider: ["primary", "secondary"],
};

const YEARS = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 3_650 * DAY) };
const anchor = createRoot({ commonName: "Model anchor", ...YEARS });
const pki = {
  caReferences: new Map(AUTHORITIES.map((name) => [name, createRoot({ commonName: `Root ${name}`, ...YEARS })])),
  signingCertificates: new Map(
    AUTHORITIES.map((name) => {
      const notAfter = new Date(t0 + 3_000 * DAY);
      return [name, createIntermediate({ commonName: `ICA ${name}`, issuer: anchor, ...YEARS, notAfter })];
    }),
  ),
  leaves: new Map<string, LabCertificate>(),
};

/** Devices that register through one enrollment group, and one that nobody knows. Each roll brings another CA. */
export class GroupFleet implements Fleet {
  readonly hubs;
  readonly devices: readonly string[];
  readonly prover: PossessionProver;

  constructor(private readonly setting: Setting) {
    this.hubs = setting.hubs;
    this.devices = [...Array.from({ length: setting.members }, (_, n) => `pump-${n + 1}`), GHOST];
    this.prover = {
      sign: (thumbprint, code) => {
        const issuer = AUTHORITIES.map((name) => this.authority(name)).find((ca) => ca.sha256Thumbprint === thumbprint);
        if (!setting.hasKeys || issuer === undefined) return Promise.resolve({ outcome: "no-signer" });
        const { certificatePem } = issueLeaf({ commonName: code, issuer, ...YEARS });
        return Promise.resolve({ outcome: "signed", certificatePem });
      },
    };
  }

  private authority(name: CaName): CertificateAuthority {
    const ca = pki[this.setting.family].get(name);
    if (ca === undefined) throw new Error(`no CA is called ${name}`);
    return ca;
  }

  /** Old leaves and the thief's are of the old CA; each roll's are of the CA that it brings. */
  leaf(device: string, name: LeafName): LabCertificate {
    const known = name === "standby" ? "old" : name;
    const key = `${this.setting.family}|${device}|${known}`;
    const issuer = this.authority(known === "stranger" ? "old" : known);
    const validity = { notBefore: new Date(t0 - DAY), notAfter: new Date(t0 + 90 * DAY) };
    const leaf = pki.leaves.get(key) ?? issueLeaf({ commonName: device, issuer, ...validity });
    pki.leaves.set(key, leaf);
    return leaf;
  }

  enroll({ bed: { azure }, truth }: Ground): void {
    const old = this.authority("old");
    azure.addAuthority("anchor", anchor.certificatePem);
    if (this.setting.family === "caReferences") azure.addAuthority("old-ca", old.certificatePem);
    this.putGroup(azure, ["old"], "enabled");
    for (const device of this.devices) {
      truth.add(device, this.leaf(device, "stranger"), false);
      if (device === GHOST) continue;
      truth.add(device, this.leaf(device, "old"));
      azure.register(device, this.leaf(device, "old").chainPem);
    }
  }

  private putGroup(
    azure: Ground["bed"]["azure"],
    [first, second]: readonly (CaName | undefined)[],
    provisioningStatus: "enabled" | "disabled",
  ): void {
    const slot = (name: CaName | undefined): string =>
      name === undefined
        ? ""
        : this.setting.family === "caReferences"
          ? `${name}-ca`
          : this.authority(name).certificatePem;
    const slots: [string, string] = [slot(first), slot(second)];
    const trust =
      this.setting.family === "caReferences"
        ? { caReferences: slots }
        : { signingPems: (second === undefined ? [slots[0]] : slots) as [string, string?] };
    azure.addGroup({ groupId: GROUP, provisioningStatus, ...trust });
  }

  /** The CAs in the group's slots, where they are ours. */
  private slots({ bed: { azure } }: Ground): (CaName | undefined)[] {
    const held = azure.fakeGroups.group(GROUP)?.attestation;
    if (held === undefined || held.kind === "other") return [];
    return [held.primary, held.secondary].map((slot) =>
      AUTHORITIES.find((name) =>
        typeof slot === "object"
          ? slot.sha256Thumbprint === this.authority(name).sha256Thumbprint
          : slot === `${name}-ca`,
      ),
    );
  }

  order(name: RollName, { bed, truth }: Ground, timing: RollRequest["timing"]): RollRequest {
    const order = name === "expiry" ? { renews: true, namesLeaf: false } : this.setting[name];
    const ca = this.authority(name);
    if (order.renews)
      for (const device of this.devices) if (device !== GHOST) truth.add(device, this.leaf(device, name));
    const old = this.authority("old");
    const compromised = order.namesLeaf
      ? { thumbprints: [Sha256Thumbprint.parse(old.sha256Thumbprint)], certificatePems: [old.certificatePem] }
      : { slots: [...SLOTS[name]] };
    const group: GroupScope = {
      groupId: GROUP,
      authority: name === "wider" || this.setting.family === "caReferences" ? "root" : "intermediate",
      ...(name === "expiry" ? {} : { compromised }),
      ...(order.renews ? { successor: { name: `${name}-ca`, chainPem: ca.certificatePem } } : {}),
    };
    const about = { ...orderedAs(name, bed.clock.now()), targets: [], group, timing };
    return { ...about, playbook: name === "expiry" ? "group-expiry" : "group-breach" };
  }

  stolen(name: RollName, device: string, ground: Ground): string[] {
    if (name === "expiry") return [];
    const slots = this.slots(ground);
    const inSlot = SLOTS[name].some((slot) => slots[slot === "primary" ? 0 : 1] === "old");
    const isOld = this.setting[name].namesLeaf || inSlot;
    return isOld ? (["old", "stranger"] as const).map((leaf) => this.leaf(device, leaf).sha256Thumbprint) : [];
  }

  named(): readonly Slot[] {
    return [];
  }

  async isUnread(name: RollName, _device: unknown, _row: unknown, { bed }: Ground): Promise<boolean> {
    if (name === "expiry") return false;
    return (await bed.blobs.findDocument(rollIdOf(name), documents.groupSeen(GROUP))) === undefined;
  }

  /** A breach has closed the group; it opens again with the new CA, or is left to another roll. */
  mayBeOut(_device: string, begun: ReadonlySet<RollName>, { bed: { azure } }: Ground): boolean {
    const closed = azure.fakeGroups.group(GROUP)?.provisioningStatus === "disabled";
    return closed && (begun.has("breach") || begun.has("wider"));
  }

  edit(what: string, device: string, ground: Ground): readonly string[] {
    const { azure } = ground.bed;
    const [first, second] = this.slots(ground);
    const status = azure.fakeGroups.group(GROUP)?.provisioningStatus ?? "enabled";
    if (what === "old-ca-back") this.putGroup(azure, ["old", second === "old" ? first : second], "enabled");
    else if (what === "swap-cas") this.putGroup(azure, second === undefined ? [first] : [second, first], status);
    else if (what === "disable-group") this.putGroup(azure, [first, second], "disabled");
    else if (what === "enable-group") this.putGroup(azure, [first, second], "enabled");
    else if (what === "upload-new-cas-again") {
      // Whoever does that has to prove possession once more.
      for (const name of ROLLS)
        if (azure.fakeAuthorities.has(AuthorityName.parse(`${name}-ca`)))
          azure.addAuthority(`${name}-ca`, this.authority(name).certificatePem, false);
    } else if (editIdentity(what, device, this.leaf(device, "old").sha256Thumbprint, azure)) return [device];
    else throw new Error(`nobody knows how to ${what}`);
    return this.devices;
  }
}
