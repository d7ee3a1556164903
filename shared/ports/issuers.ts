import type { CertificateProfile } from "../domain/certificate/profile";
import type { RegistrationId, RollId, Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { Refusal, Warning } from "../domain/roll/device-row";

/**
 * Makes leaves from certificate requests (PKCS #10). At most one certificate per (roll, registration) ever leaves it: what
 * is to be signed is recorded before it is signed, and of two that were signed the first that was stored stands.
 * Throws `RollError` for outages; the same call later goes on where this one ended.
 */
export interface CertificateIssuer {
  issue(order: IssueOrder): Promise<Issuance>;
}

export interface IssueOrder {
  readonly rollId: RollId;
  readonly registrationId: RegistrationId;
  /** The device's request. Only its public key is used; its common name must be the registration id, case apart. */
  readonly csrPem: string;
  readonly profile: CertificateProfile;
}

export type Issuance =
  /** Leaf first, then the intermediates that a device presents. `warnings` belong into the device's row. */
  | { readonly outcome: "issued"; readonly chainPem: string; readonly warnings: readonly Warning[] }
  /** A request that will not be signed, whoever asks again. */
  | { readonly outcome: "refused"; readonly refusal: Refusal }
  /** The authority wants to look at it first: ask again after this long. */
  | { readonly outcome: "pending"; readonly retryAfterMs: number };

/** What is recorded before a certificate is signed. */
export interface IssuanceIntent {
  readonly rollId: RollId;
  readonly registrationId: RegistrationId;
  /** Upper-case hex; absent where the authority chooses it. */
  readonly serialNumber?: string | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo, upper-case hex. */
  readonly publicKeySha256: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly at: Instant;
}

/** A certificate that was issued, as the ledger has it. */
export interface IssuedCertificate {
  readonly rollId: RollId;
  readonly registrationId: RegistrationId;
  /** Upper-case hex. */
  readonly serialNumber: string;
  readonly sha256Thumbprint: Sha256Thumbprint;
  /** SHA-256 of the SubjectPublicKeyInfo, upper-case hex. */
  readonly publicKeySha256: string;
  /** Absent where the authority did not send its own certificate. */
  readonly issuerThumbprint?: Sha256Thumbprint | undefined;
  readonly notAfter: Instant;
  readonly at: Instant;
}

/** What issuing must not forget. Throws `RollError` when storage does not answer. */
export interface IssuanceStore {
  /** The intent that stands, if there is one. */
  intended(rollId: RollId, registrationId: RegistrationId): Promise<IssuanceIntent | undefined>;
  /** Insert-only per (roll, registration): answers the intent that stands, which may be another run's. */
  intend(intent: IssuanceIntent): Promise<IssuanceIntent>;
  /** Keeps the issued chain; the first one stands and is answered. */
  keep(rollId: RollId, registrationId: RegistrationId, chainPem: string): Promise<string>;
  kept(rollId: RollId, registrationId: RegistrationId): Promise<string | undefined>;
  /** Writes the ledger row; the same row again changes nothing. */
  record(issued: IssuedCertificate): Promise<void>;
  /**
   * What was issued at or after `since`, oldest first, at most `limit` (1-1,000) per page. `next` continues where the page
   * ended; without it the page is the last.
   */
  listIssued(page: IssuedPage): Promise<{ readonly issued: readonly IssuedCertificate[]; readonly next?: string }>;
}

export interface IssuedPage {
  readonly since: Instant;
  readonly limit: number;
  readonly after?: string | undefined;
}

/** Shows a service that the app may use a CA's key, without showing the key. */
export interface PossessionProver {
  /**
   * A certificate named like the code, signed by the CA's key (proof of possession, as DPS asks for it). `no-signer`: the
   * app has no access to that CA's key, so that a person must prove it. Throws `RollError` when the key's keeper does not answer.
   */
  sign(caThumbprint: Sha256Thumbprint, verificationCode: string): Promise<PossessionProof>;
}

export type PossessionProof =
  { readonly outcome: "signed"; readonly certificatePem: string } | { readonly outcome: "no-signer" };
