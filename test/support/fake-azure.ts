import { X509Certificate } from "node:crypto";
import { Faults } from "../../lab/faults/faults";
import {
  DeviceId,
  RegistrationId,
  type EnrollmentGroupId,
  type HubHostName,
  Sha256Thumbprint,
} from "../../shared/domain/ids";
import { instant, type Instant } from "../../shared/domain/instant";
import type { Clock } from "../../shared/ports/clock";
import type { Authorities } from "../../shared/ports/authorities";
import type { Enrollments, Registration } from "../../shared/ports/enrollments";
import type { EnrollmentGroups } from "../../shared/ports/enrollment-groups";
import type { Registrations } from "../../shared/ports/registrations";
import type { HubIdentity, Hubs } from "../../shared/ports/hubs";
import { FakeImportExportBlobs } from "./fake-blobs";
import { FakeDps, type FakeEnrollment } from "./fake-dps";
import { FakeAuthorities } from "./fake-authorities";
import { FakeGroups, type FakeGroup } from "./fake-groups";
import { FakeHub } from "./fake-hub";
import { Versions } from "./fake-records";
import { FakeRegistrations } from "./fake-registrations";

/**
 * DPS, ARM and IoT Hubs in memory, as far as the ports can see them, with the documented semantics: ETags, DPS showing
 * thumbprints but no certificates, a registration writing the presented leaf into both slots of the hub identity.
 * Passes the same contract suite as the SDK adapters do against the lab. Faults are the lab's, under the same names
 * (`dps.enrollment|group.get|put|delete|query`, `dps.registration.get|delete|query`, `dps.ca.list|put|generate|verify|delete`,
 * `hub.twin.get`, `hub.registry.get|list|delete|bulk[.item]`, `hub.query`, `hub.method.invoke`, `hub.job.create|get|list|cancel`).
 */
export class FakeAzure {
  readonly faults: Faults;
  readonly enrollments: Enrollments;
  readonly groups: EnrollmentGroups;
  readonly registrations: Registrations;
  readonly authorities: Authorities;
  readonly hubs: Hubs;
  /** Containers for the hubs' import and export jobs. */
  readonly blobs = new FakeImportExportBlobs();
  readonly dps: FakeDps;
  readonly fakeGroups: FakeGroups;
  readonly fakeAuthorities: FakeAuthorities;
  private readonly versions = new Versions();
  private readonly records: FakeRegistrations;
  private readonly byName: ReadonlyMap<string, FakeHub>;

  /** Default: one hub `lab-hub.azure-devices.net`, the machine's clock. */
  constructor(o: { hubNames?: readonly string[]; clock?: Clock; faults?: Faults } = {}) {
    const clock = o.clock ?? { now: (): Instant => instant(Date.now()) };
    const names = o.hubNames ?? ["lab-hub.azure-devices.net"];
    this.faults = o.faults ?? new Faults();
    const { versions } = this;
    this.records = new FakeRegistrations(clock, this.faults, versions);
    this.dps = new FakeDps(clock, this.faults, versions, this.records);
    this.fakeGroups = new FakeGroups(clock, this.faults, versions, () => this.fakeAuthorities);
    this.fakeAuthorities = new FakeAuthorities(
      this.faults,
      (name) => this.fakeGroups.refersTo(name) || this.dps.refersTo(name),
    );
    this.byName = new Map(names.map((name) => [name, new FakeHub(name, clock, this.faults, this.blobs)]));
    this.enrollments = this.dps.port;
    this.groups = this.fakeGroups.port;
    this.registrations = this.records.port;
    this.authorities = this.fakeAuthorities.port;
    this.hubs = {
      hostNames: [...this.byName.values()].map(({ port }) => port.hostName),
      hub: (hostName) => this.hub(hostName).port,
    };
  }

  /** Another text whenever anything at DPS or ARM has changed. */
  get revision(): string {
    const { fakeAuthorities, fakeGroups, versions } = this;
    return [versions.count, fakeGroups.size, fakeAuthorities.size, fakeAuthorities.writes].join();
  }

  /** One of the hubs; default the first. Throws `RangeError` for a name it was not made with. */
  hub(hostName?: string): FakeHub {
    const hub = hostName === undefined ? [...this.byName.values()][0] : this.byName.get(hostName);
    if (hub === undefined) throw new RangeError(`no hub ${hostName ?? ""}`);
    return hub;
  }

  addEnrollment(enrollment: FakeEnrollment): void {
    this.dps.add(enrollment);
  }

  addGroup(group: FakeGroup): void {
    this.fakeGroups.add(group);
  }

  /** Default verified. */
  addAuthority(name: string, certificatePem: string, isVerified = true): void {
    this.fakeAuthorities.add(name, certificatePem, isVerified);
  }

  /**
   * A device registers with this leaf, followed by its chain where a group is to accept it. DPS decides at once; what an
   * accepted registration writes happens when `finish` is called (which tests may delay as the service does), or never.
   */
  startRegistration(
    registrationId: string,
    chainPem: string,
    hostName?: string,
  ): { readonly accepted: boolean; readonly finish: () => void } {
    const id = RegistrationId.parse(registrationId.toLowerCase());
    const accepted = this.accepts(registrationId, chainPem);
    if (accepted === undefined) return { accepted: false, finish: () => undefined };
    const { deviceId, groupId } = accepted;
    const hub = this.hub(hostName);
    this.records.set({ registrationId: id, deviceId, assignedHub: undefined, status: "assigning" }, groupId);
    return {
      accepted: true,
      finish: () => {
        hub.assign(deviceId, thumbprintOf(chainPem));
        const assignedHub = hub.port.hostName;
        this.records.set({ registrationId: id, deviceId, assignedHub, status: "assigned" }, groupId);
      },
    };
  }

  /** A whole registration; true if DPS accepted the leaf. */
  register(registrationId: string, chainPem: string, hostName?: string): boolean {
    const { accepted, finish } = this.startRegistration(registrationId, chainPem, hostName);
    finish();
    return accepted;
  }

  /** Puts a registration record there as it is; `lastUpdatedAt` is now, the ETag a new one. */
  setRegistration(
    registration: Omit<Registration, "createdAt" | "lastUpdatedAt" | "etag">,
    groupId?: EnrollmentGroupId,
  ): void {
    this.records.set(registration, groupId);
  }

  /** The hub device this chain's leaf may become, and by which group; undefined where DPS refuses it. Changes nothing. */
  accepts(
    registrationId: string,
    chainPem: string,
  ): { readonly deviceId: DeviceId; readonly groupId?: EnrollmentGroupId } | undefined {
    const id = RegistrationId.parse(registrationId.toLowerCase());
    // An individual enrollment alone decides, where there is one.
    if (this.dps.has(id)) {
      const deviceId = this.dps.accepts(id, thumbprintOf(chainPem));
      return deviceId === undefined ? undefined : { deviceId };
    }
    const chain = certificatesOf(chainPem);
    const named = chain[0]?.subject.toLowerCase().split("\n").includes(`cn=${id}`) === true;
    const groupId = named ? this.fakeGroups.accepts(chain) : undefined;
    return groupId === undefined ? undefined : { deviceId: DeviceId.parse(registrationId), groupId };
  }

  /** Creates an identity that accepts one or two thumbprints; default the first hub, enabled. */
  addIdentity(o: {
    deviceId: DeviceId;
    hostName?: HubHostName;
    primaryThumbprint: string;
    secondaryThumbprint?: string;
    status?: "enabled" | "disabled";
    authentication?: HubIdentity["authentication"];
    iotEdge?: boolean;
  }): void {
    this.hub(o.hostName).add(o);
  }
}

function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** SHA-256 of the first certificate in the text, as Azure shows it. */
export function thumbprintOf(pem: string): Sha256Thumbprint {
  return Sha256Thumbprint.parse(new X509Certificate(pem).fingerprint256.replaceAll(":", ""));
}
