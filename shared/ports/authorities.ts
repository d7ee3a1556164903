import type { AuthorityName, Etag, Sha256Thumbprint } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { TrustedAuthority } from "./certificates";

/**
 * The CA certificates of one DPS instance (control plane, at most 25). Throws `RollError` for outages; everything the
 * rules foresee is an outcome. What is written here reaches enrollments and registrations some time later.
 */
export interface Authorities {
  /** Those whose possession is proven. */
  listVerified(): Promise<readonly TrustedAuthority[]>;
  /** All of them, verified or not. */
  list(): Promise<readonly Authority[]>;
  get(name: AuthorityName): Promise<AuthorityReading>;
  /**
   * Uploads a certificate (PEM) under a free name, unverified. One that is there already is never replaced: it is answered
   * as it stands, also where an earlier call of ours made it and the answer was lost.
   */
  create(name: AuthorityName, certificatePem: string): Promise<AuthorityCreation>;
  /**
   * Asks for the code that the verification certificate must have as common name. Each call makes an earlier code void
   * and changes the ETag.
   */
  verificationCode(name: AuthorityName, etag: Etag): Promise<VerificationCode>;
  /** Proves possession: `verificationPem` is named like the code and signed with the authority's key. */
  verify(name: AuthorityName, etag: Etag, verificationPem: string): Promise<AuthorityVerification>;
  /** Enrollments that refer to it are not looked at here, and Azure does not say whether it looks. */
  delete(name: AuthorityName, etag: Etag): Promise<AuthorityDeletion>;
}

export type AuthorityReading =
  { readonly outcome: "found"; readonly authority: Authority } | { readonly outcome: "missing" };

export interface Authority {
  readonly name: AuthorityName;
  readonly etag: Etag;
  readonly isVerified: boolean;
  /** What the certificate says; undefined where Azure Resource Manager gave none, or none that can be read. */
  readonly certificate: AuthorityCertificate | undefined;
}

export interface AuthorityCertificate {
  readonly sha256Thumbprint: Sha256Thumbprint;
  /** As RFC 4514 text, such as `CN=Fleet Root,O=Contoso`. */
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** One PEM block. */
  readonly pem: string;
}

export type AuthorityCreation =
  | { readonly outcome: "created"; readonly authority: Authority }
  /** A certificate of this name is there, this one or another; nothing was written. */
  | { readonly outcome: "exists"; readonly authority: Authority }
  /** The instance holds as many as it may. */
  | { readonly outcome: "limit-reached"; readonly detail: string }
  | { readonly outcome: "refused"; readonly detail: string };

export type VerificationCode =
  /** `etag` is the one that `verify` needs. The code is no secret, but belongs in no log. */
  | { readonly outcome: "issued"; readonly code: string; readonly etag: Etag }
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "missing" }
  | { readonly outcome: "refused"; readonly detail: string };

export type AuthorityVerification =
  | { readonly outcome: "verified"; readonly authority: Authority }
  | { readonly outcome: "precondition-failed" }
  | { readonly outcome: "missing" }
  /** Another name than the code, another key than the authority's, no code asked for, not a certificate. */
  | { readonly outcome: "refused"; readonly detail: string };

export type AuthorityDeletion =
  /** It is gone, or was before. */
  | { readonly outcome: "deleted" }
  | { readonly outcome: "precondition-failed" }
  /** The service does not let it go: an entry refers to it, as a rule. */
  | { readonly outcome: "refused"; readonly detail: string };
