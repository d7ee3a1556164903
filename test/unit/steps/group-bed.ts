import { newControl } from "../../../shared/domain/roll/control";
import { createIntermediate, createRoot, type CertificateAuthority } from "../../../lab/pki/certificates";
import { DeviceId, EnrollmentGroupId, RegistrationId } from "../../../shared/domain/ids";
import type { GroupScope, RollRequest, RollTarget } from "../../../shared/domain/roll/request";
import { rollId, t0 } from "../../support/builders";
import { Bed, type BedDevice, validity } from "./bed";

const authority = { ...validity, notAfter: new Date(t0 + 3_650 * 86_400_000) };

/**
 * A fleet that enrolls through a group: an old and a new root with an intermediate each, all roots verified at DPS. The old
 * key is in wrong hands; devices hold a standby leaf under the new root.
 */
export class GroupBed extends Bed {
  readonly groupId = EnrollmentGroupId.parse("fleet");
  readonly newRoot = createRoot({ commonName: "Fleet root 2", ...authority });
  readonly ica = createIntermediate({ commonName: "Fleet ICA", issuer: this.root, ...authority });
  readonly sibling = createIntermediate({ commonName: "Sibling ICA", issuer: this.root, ...authority });
  readonly newIca = createIntermediate({ commonName: "Fleet ICA 2", issuer: this.newRoot, ...authority });

  constructor(o: ConstructorParameters<typeof Bed>[0] = {}) {
    super(o);
    this.azure.addAuthority("fleet-root-2", this.newRoot.certificatePem);
  }

  /** Registered with a leaf of the old CA through whatever group takes it; holds one of the new CA. */
  member(id: string, o: { issuer?: CertificateAuthority; nextIssuer?: CertificateAuthority } = {}): BedDevice {
    const registrationId = RegistrationId.parse(id);
    const old = this.leaf(id, { issuer: o.issuer ?? this.root });
    const fresh = this.leaf(id, { issuer: o.nextIssuer ?? this.newRoot });
    if (!this.azure.register(id, old.chainPem)) throw new Error(`DPS refused ${id}`);
    const target: RollTarget = { registrationId, compromisedSlots: [], replacement: { kind: "none" } };
    return { registrationId, deviceId: DeviceId.parse(id), old, fresh, target };
  }

  /** The roll up to the point where its batches are open, as the orchestrator takes it there. */
  async breach(scope: Omit<GroupScope, "groupId">, o: Partial<RollRequest> = {}): Promise<void> {
    this.clock.pass(10);
    const about = { playbook: "group-breach", source: "soc", alertId: "1", reason: "leak" } as const;
    const requestedAt = this.clock.now();
    const group = { groupId: this.groupId, ...scope };
    await this.blobs.putRequest(rollId, {
      ...about,
      ...{ requestedAt, targets: [], group, timing: this.timing },
      ...o,
    });
    await this.rolls.open(rollId, requestedAt);
    await this.rolls.create({ rollId, ...about, phase: "requested", requestedAt, devices: 0, batches: 0 });
    await this.control.create(newControl(rollId, { windows: [], freezes: [] }));
    this.clock.pass(10);
    if ((await this.steps.closeGroup({ rollId })).outcome === "held-back") return;
    this.clock.pass(10);
    await this.steps.enterPhase({ rollId, phase: "containing" });
    await this.steps.closeReach({ rollId, insist: false });
    await this.openFleet();
    this.clock.pass(10);
  }

  /** The group refers to this CA alone and is open, whoever wrote it. */
  reopen(authority: string): void {
    this.azure.addGroup({ groupId: this.groupId, caReferences: [authority] });
  }

  /** As `heal`, by the device's leaf and its chain. */
  async healInGroup(device: BedDevice): Promise<void> {
    await this.heal(device, { leaf: { ...device.fresh, certificatePem: device.fresh.chainPem } });
  }
}
