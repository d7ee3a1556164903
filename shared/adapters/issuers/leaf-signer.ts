import type { Validity } from "../../domain/certificate/issuance";
import type { CertificateFacts } from "../../domain/certificate/facts";
import type { CertificateProfile } from "../../domain/certificate/profile";
import type { RegistrationId } from "../../domain/ids";
import type { Refusal, Warning } from "../../domain/roll/device-row";
import type { CertificateRequest } from "../x509/certificate-request";

/** Turns one accepted request into one certificate, whenever it is called; `LedgeredIssuer` makes that happen once. */
export interface LeafSigner {
  /** The CAs that bound a leaf's validity, as far as they are known beforehand. */
  readonly authorities: readonly CertificateFacts[];
  /** False: the authority chooses serial number and validity by its own profile. */
  readonly followsTemplate: boolean;
  readonly warnings: readonly Warning[];
  /** Throws `RollError` for outages. */
  sign(leaf: LeafOrder): Promise<SignedLeaf>;
}

export interface LeafOrder extends Validity {
  readonly request: CertificateRequest;
  readonly registrationId: RegistrationId;
  readonly profile: CertificateProfile;
  /** Upper-case hex. */
  readonly serialNumber: string;
}

export type SignedLeaf =
  /** The leaf, then what a device presents above it, each block ending in a newline. */
  | { readonly outcome: "signed"; readonly chainPem: string }
  | { readonly outcome: "refused"; readonly refusal: Refusal }
  | { readonly outcome: "pending"; readonly retryAfterMs: number };
