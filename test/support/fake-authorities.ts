import { randomBytes, X509Certificate } from "node:crypto";
import type { Faults } from "../../lab/faults/faults";
import { AuthorityName, Etag, Sha256Thumbprint } from "../../shared/domain/ids";
import { instant } from "../../shared/domain/instant";
import type {
  Authorities,
  Authority,
  AuthorityCreation,
  AuthorityDeletion,
  AuthorityVerification,
  VerificationCode,
} from "../../shared/ports/authorities";
import { underFaults } from "./fake-faults";
import { refusedCreation, refusedWrite } from "./fake-records";

type Held = Authority & { readonly pem: string; readonly code: string | undefined };

/** Microsoft docs, iot-dps-limits. */
const MOST = 25;

/** The CA certificates of a DPS instance in memory, by name without case. */
export class FakeAuthorities {
  readonly port: Authorities;
  /** True: a certificate that an enrollment refers to cannot be deleted. Azure does not say. */
  refuseReferenced = false;
  private readonly held = new Map<string, Held>();
  private version = 0;

  /** How often any was written. */
  get writes(): number {
    return this.version;
  }

  get size(): number {
    return this.held.size;
  }

  constructor(
    private readonly faults: Faults,
    private readonly isReferenced: (name: AuthorityName) => boolean,
  ) {
    const reading = <T>(work: () => T): Promise<T> =>
      underFaults(faults, { operation: "dps.ca.list", subject: "", write: false }, work);
    this.port = {
      listVerified: () =>
        reading(() =>
          this.all().flatMap(({ name, isVerified, pem }) => (isVerified ? [{ name, certificatePem: pem }] : [])),
        ),
      list: () => reading(() => this.all().map(view)),
      get: (name) =>
        reading(() => {
          const authority = this.find(name);
          return authority === undefined ? { outcome: "missing" } : { outcome: "found", authority: view(authority) };
        }),
      create: (name, pem) =>
        this.write<AuthorityCreation>("put", name, (commit) => this.create(name, pem, commit), refusedCreation),
      verificationCode: (name, etag) =>
        this.write<VerificationCode>("generate", name, (commit) => this.generate(name, etag, commit), refusedWrite),
      verify: (name, etag, pem) =>
        this.write<AuthorityVerification>(
          "verify",
          name,
          (commit) => this.verify(name, etag, pem, commit),
          refusedWrite,
        ),
      delete: (name, etag) =>
        this.write<AuthorityDeletion>(
          "delete",
          name,
          (commit) => this.delete(name, etag, commit),
          (failure) => {
            const refused = refusedWrite(failure);
            return refused?.outcome === "missing" ? { outcome: "deleted" } : refused;
          },
        ),
    };
  }

  /** Puts a certificate there past the port; default verified. Throws for text that is no certificate. */
  add(name: string, pem: string, isVerified = true): void {
    this.put(AuthorityName.parse(name), pem, isVerified, undefined);
  }

  /** The certificate of this name, if its possession is proven. */
  verified(name: AuthorityName): X509Certificate | undefined {
    const held = this.find(name);
    return held?.isVerified === true ? new X509Certificate(held.pem) : undefined;
  }

  has(name: AuthorityName): boolean {
    return this.find(name) !== undefined;
  }

  private all(): Held[] {
    return [...this.held.values()];
  }

  private find(name: AuthorityName): Held | undefined {
    return this.held.get(name.toLowerCase());
  }

  private write<T>(
    verb: string,
    name: AuthorityName,
    work: (commit: boolean) => T,
    outcomeOf: Parameters<typeof underFaults<T>>[3],
  ): Promise<T> {
    return underFaults(this.faults, { operation: `dps.ca.${verb}`, subject: name, write: true }, work, outcomeOf);
  }

  private create(name: AuthorityName, pem: string, commit: boolean): AuthorityCreation {
    if (readable(pem) === undefined) return { outcome: "refused", detail: "not a certificate" };
    const held = this.find(name);
    if (held !== undefined) return { outcome: "exists", authority: view(held) };
    if (this.held.size >= MOST) return { outcome: "limit-reached", detail: `the limit of ${MOST} is reached` };
    return { outcome: "created", authority: view(this.put(name, pem, false, undefined, commit)) };
  }

  private generate(name: AuthorityName, etag: Etag, commit: boolean): VerificationCode {
    const held = this.find(name);
    if (held === undefined) return { outcome: "missing" };
    if (held.etag !== etag) return { outcome: "precondition-failed" };
    const code = randomBytes(24).toString("hex").toUpperCase();
    return { outcome: "issued", code, etag: this.put(held.name, held.pem, held.isVerified, code, commit).etag };
  }

  private verify(name: AuthorityName, etag: Etag, pem: string, commit: boolean): AuthorityVerification {
    const held = this.find(name);
    if (held === undefined) return { outcome: "missing" };
    if (held.etag !== etag) return { outcome: "precondition-failed" };
    if (!proves(pem, held)) return { outcome: "refused", detail: "it does not prove possession of the key" };
    return { outcome: "verified", authority: view(this.put(held.name, held.pem, true, undefined, commit)) };
  }

  private delete(name: AuthorityName, etag: Etag, commit: boolean): AuthorityDeletion {
    const held = this.find(name);
    if (held === undefined) return { outcome: "deleted" };
    if (held.etag !== etag) return { outcome: "precondition-failed" };
    if (this.refuseReferenced && this.isReferenced(held.name)) return { outcome: "refused", detail: "it is in use" };
    if (commit) this.held.delete(name.toLowerCase());
    return { outcome: "deleted" };
  }

  private put(name: AuthorityName, pem: string, isVerified: boolean, code: string | undefined, commit = true): Held {
    this.version += 1;
    const etag = Etag.parse(Buffer.from(`ca ${this.version}`).toString("base64"));
    const x509 = new X509Certificate(pem);
    const certificate = {
      sha256Thumbprint: Sha256Thumbprint.parse(x509.fingerprint256.replaceAll(":", "")),
      subject: x509.subject.split("\n").reverse().join(","),
      issuer: x509.issuer.split("\n").reverse().join(","),
      notBefore: instant(Date.parse(x509.validFrom)),
      notAfter: instant(Date.parse(x509.validTo)),
      pem,
    };
    const held = { name, etag, isVerified, certificate, pem, code };
    if (commit) this.held.set(name.toLowerCase(), held);
    return held;
  }
}

function view({ name, etag, isVerified, certificate }: Held): Authority {
  return { name, etag, isVerified, certificate };
}

function readable(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function proves(pem: string, held: Held): boolean {
  const proof = readable(pem);
  const named = held.code !== undefined && proof?.subject.split("\n").includes(`CN=${held.code}`) === true;
  return named && proof.verify(new X509Certificate(held.pem).publicKey);
}
