import { X509Certificate } from "node:crypto";
import { Faults } from "../../lab/faults/faults";
import { RegistrationId, type DeviceId, type HubHostName, Sha256Thumbprint } from "../../shared/domain/ids";
import { instant, type Instant } from "../../shared/domain/instant";
import type { TrustedAuthority } from "../../shared/ports/certificates";
import type { Clock } from "../../shared/ports/clock";
import type { Authorities } from "../../shared/ports/authorities";
import type { Enrollments, Registration } from "../../shared/ports/enrollments";
import type { HubIdentity, Hubs } from "../../shared/ports/hubs";
import { FakeDps, type FakeEnrollment } from "./fake-dps";
import { underFaults } from "./fake-faults";
import { FakeHub } from "./fake-hub";

/**
 * DPS, ARM and IoT Hubs in memory, as far as the ports can see them, with the documented semantics: ETags, DPS showing
 * thumbprints but no certificates, a registration writing the presented leaf into both slots of the hub identity.
 * Passes the same contract suite as the SDK adapters do against the lab. Faults are the lab's, under the same names
 * (`dps.enrollment.get|put`, `dps.registration.get`, `dps.ca.list`, `hub.twin.get`, `hub.registry.bulk[.item]`, `hub.method.invoke`).
 */
export class FakeAzure {
  readonly faults: Faults;
  readonly enrollments: Enrollments;
  readonly authorities: Authorities;
  readonly hubs: Hubs;
  readonly dps: FakeDps;
  private readonly byName: ReadonlyMap<string, FakeHub>;
  private readonly trusted: TrustedAuthority[] = [];

  /** Default: one hub `lab-hub.azure-devices.net`, the machine's clock. */
  constructor(o: { hubNames?: readonly string[]; clock?: Clock; faults?: Faults } = {}) {
    const clock = o.clock ?? { now: (): Instant => instant(Date.now()) };
    const names = o.hubNames ?? ["lab-hub.azure-devices.net"];
    this.faults = o.faults ?? new Faults();
    this.dps = new FakeDps(clock, this.faults);
    this.byName = new Map(names.map((name) => [name, new FakeHub(name, clock, this.faults)]));
    this.enrollments = this.dps.port;
    this.hubs = {
      hostNames: [...this.byName.values()].map(({ port }) => port.hostName),
      hub: (hostName) => this.hub(hostName).port,
    };
    this.authorities = {
      listVerified: () =>
        underFaults(this.faults, { operation: "dps.ca.list", subject: "", write: false }, () => [...this.trusted]),
    };
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

  addAuthority(name: string, certificatePem: string): void {
    this.trusted.push({ name, certificatePem });
  }

  /**
   * A device registers with this leaf. DPS decides at once; what an accepted registration writes happens when `finish`
   * is called (which tests may delay as the service does), or never.
   */
  startRegistration(
    registrationId: string,
    leafPem: string,
    hostName?: string,
  ): { readonly accepted: boolean; readonly finish: () => void } {
    const id = RegistrationId.parse(registrationId.toLowerCase());
    const thumbprint = thumbprintOf(leafPem);
    const deviceId = this.dps.accepts(id, thumbprint);
    if (deviceId === undefined) return { accepted: false, finish: () => undefined };
    const hub = this.hub(hostName);
    this.dps.setRegistration({ registrationId: id, deviceId, assignedHub: undefined, status: "assigning" });
    return {
      accepted: true,
      finish: () => {
        hub.assign(deviceId, thumbprint);
        this.dps.setRegistration({ registrationId: id, deviceId, assignedHub: hub.port.hostName, status: "assigned" });
      },
    };
  }

  /** A whole registration; true if DPS accepted the leaf. */
  register(registrationId: string, leafPem: string, hostName?: string): boolean {
    const { accepted, finish } = this.startRegistration(registrationId, leafPem, hostName);
    finish();
    return accepted;
  }

  /** Puts a registration record there as it is; `lastUpdatedAt` is now, the ETag a new one. */
  setRegistration(registration: Omit<Registration, "lastUpdatedAt" | "etag">): void {
    this.dps.setRegistration(registration);
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

/** SHA-256 of the first certificate in the text, as Azure shows it. */
export function thumbprintOf(pem: string): Sha256Thumbprint {
  return Sha256Thumbprint.parse(new X509Certificate(pem).fingerprint256.replaceAll(":", ""));
}
