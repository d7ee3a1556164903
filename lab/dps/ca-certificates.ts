import type { LabClock } from "../clock";
import { certificateInfo, readCertificate, type CertificateInfo, type ReadCertificate } from "./certificate-info";
import { keyOf } from "./entries";
import type { DpsSwitches } from "./switches";

/** A CA certificate of a DPS instance, an ARM resource. */
export interface CaCertificate {
  readonly name: string;
  readonly certificate: ReadCertificate;
  readonly info: CertificateInfo;
  readonly isVerified: boolean;
  /** What a verification certificate must have as common name, while one was asked for. */
  readonly verificationCode?: string;
  /** Base64, without quotes. */
  readonly etag: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What a request may decide about one. */
export type CaState = Pick<CaCertificate, "certificate" | "isVerified" | "verificationCode">;

interface Version {
  readonly visibleAt: number;
  readonly ca: CaCertificate | undefined;
}

/**
 * CA certificates as ARM has them at once, and as enrollments and registrations see them some time later: the two
 * planes of DPS are two systems.
 */
export class CaCertificates {
  private readonly versions = new Map<string, Version[]>();

  constructor(
    private readonly clock: LabClock,
    private readonly switches: DpsSwitches,
    private readonly newEtag: () => string,
  ) {}

  /** As ARM sees it. */
  get(name: string): CaCertificate | undefined {
    return this.versions.get(keyOf(name))?.at(-1)?.ca;
  }

  /** All as ARM sees them. */
  list(): CaCertificate[] {
    return [...this.versions.values()].map((versions) => versions.at(-1)?.ca).filter((ca) => ca !== undefined);
  }

  /** As the data plane sees it now. */
  visible(name: string): CaCertificate | undefined {
    return visibleOf(this.versions.get(keyOf(name)), this.clock.now());
  }

  /** All as the data plane sees them now. */
  visibleAll(): CaCertificate[] {
    const now = this.clock.now();
    return [...this.versions.values()].map((versions) => visibleOf(versions, now)).filter((ca) => ca !== undefined);
  }

  /** Writes a certificate under a name; the data plane sees it after the propagation delay. */
  put(name: string, state: CaState, delayMs = this.switches.caPropagationMs): CaCertificate {
    const ca = this.draft(name, state, this.clock.now());
    this.append(name, ca, delayMs);
    return ca;
  }

  /** What `put` would write. */
  draft(name: string, state: CaState, now: number): CaCertificate {
    const existing = this.get(name);
    return {
      ...state,
      name: existing?.name ?? name,
      info: certificateInfo(state.certificate),
      etag: Buffer.from(this.newEtag().slice(0, 8), "hex").toString("base64"),
      createdAt: existing?.createdAt ?? now,
      updatedAt: now,
    };
  }

  delete(name: string): void {
    this.append(name, undefined, this.switches.caPropagationMs);
  }

  /** Writes past ARM and the delay. Throws when the PEM is no certificate. */
  seed(name: string, pem: string, isVerified: boolean): CaCertificate {
    const certificate = readCertificate(Buffer.from(pem));
    if (!certificate) throw new Error(`The CA certificate '${name}' cannot be read.`);
    return this.put(name, { certificate, isVerified }, 0);
  }

  private append(name: string, ca: CaCertificate | undefined, delayMs: number): void {
    const now = this.clock.now();
    const versions = this.versions.get(keyOf(name)) ?? [];
    // Only the version in force and those still to come are ever asked for.
    const inForce = Math.max(0, ...versions.flatMap(({ visibleAt }, index) => (visibleAt <= now ? [index] : [])));
    this.versions.set(keyOf(name), [...versions.slice(inForce), { visibleAt: now + delayMs, ca }]);
  }
}

function visibleOf(versions: Version[] | undefined, now: number): CaCertificate | undefined {
  return versions?.filter(({ visibleAt }) => visibleAt <= now).at(-1)?.ca;
}
