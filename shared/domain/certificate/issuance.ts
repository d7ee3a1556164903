import type { RegistrationId } from "../ids";
import { formatInstant, instant, type Instant } from "../instant";
import type { Refusal } from "../roll/device-row";
import type { CertificateFacts, PublicKeyFacts } from "./facts";
import type { CertificatePolicy } from "./policy";
import type { CertificateProfile } from "./profile";
import { weakKey } from "./rules";

/** A certificate request (PKCS #10) as read, or why there is none. */
export type RequestReading<Request extends RequestFacts = RequestFacts> =
  | { readonly outcome: "read"; readonly request: Request }
  | { readonly outcome: "private-key" }
  | { readonly outcome: "unreadable"; readonly detail: string };

export interface RequestFacts {
  readonly commonName: string | undefined;
  readonly publicKey: PublicKeyFacts;
  /** SHA-256 of the SubjectPublicKeyInfo, upper-case hex. */
  readonly publicKeySha256: string;
  /** The request is signed by the very key it asks for: whoever made it holds that key. */
  readonly signatureHolds: boolean;
}

/** Why a request is not signed; undefined if it is. */
export function lintRequest(
  reading: RequestReading,
  registrationId: RegistrationId,
  policy: CertificatePolicy,
): Refusal | undefined {
  if (reading.outcome === "private-key")
    return {
      code: "private-key-in-input",
      detail: "the request held a private key; it was discarded. Treat that key as leaked, generate a new one",
    };
  if (reading.outcome === "unreadable")
    return { code: "request-unreadable", detail: `${reading.detail}; send a PKCS #10 request in PEM form` };
  const { request } = reading;
  if (!request.signatureHolds)
    return {
      code: "request-signature-invalid",
      detail: "the request is not signed by its own key with SHA-256 or better; make it with the device's key",
    };
  if (request.commonName?.toLowerCase() !== registrationId)
    return {
      code: "request-name-differs",
      detail: `the request's common name is "${request.commonName ?? "(none)"}", expected "${registrationId}"; ask for this registration id`,
    };
  const why = weakKey(request.publicKey, policy);
  return why === undefined ? undefined : { code: "weak-key", detail: `the requested key ${why}` };
}

/** Within one roll a device asks for one key: what was recorded stands, and another key is not signed. */
export function keyChanged(recordedKeySha256: string, request: RequestFacts): Refusal | undefined {
  return recordedKeySha256 === request.publicKeySha256
    ? undefined
    : {
        code: "request-key-changed",
        detail:
          "the device asked for another key before in this roll; it has to send the same request, or wait for another roll",
      };
}

export interface Validity {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** Validity by the profile, in whole seconds, within that of the CAs above; a refusal where one of them has ended. */
export function plannedValidity(
  profile: CertificateProfile,
  authorities: readonly CertificateFacts[],
  now: Instant,
): Validity | Refusal {
  const end = Math.min(now + profile.validityHours * 3_600_000, ...authorities.map(({ notAfter }) => notAfter));
  if (end <= now)
    return {
      code: "issuer-expired",
      detail: `the issuing CA or one above it ended at ${formatInstant(instant(end))}; renew it first`,
    };
  const start = Math.max(0, now - profile.backdateMinutes * 60_000, ...authorities.map(({ notBefore }) => notBefore));
  return { notBefore: wholeSeconds(start), notAfter: wholeSeconds(end) };
}

/** Whether the authority gave what was asked for: this key, this name, no CA. */
export function judgeIssued(
  leaf: CertificateFacts,
  asked: { readonly registrationId: RegistrationId; readonly publicKeySha256: string },
): Refusal | undefined {
  const wrong = [
    leaf.publicKeySha256 === asked.publicKeySha256 ? "" : "another key",
    leaf.commonName?.toLowerCase() === asked.registrationId ? "" : `the name "${leaf.commonName ?? "(none)"}"`,
    leaf.isAuthority ? "the right to issue certificates" : "",
  ].filter((what) => what !== "");
  return wrong.length === 0
    ? undefined
    : {
        code: "issued-otherwise",
        detail: `the authority issued a certificate with ${wrong.join(" and ")}; it is not used, mend the authority's profile`,
      };
}

export const NO_ISSUER: Refusal = {
  code: "no-issuer",
  detail: "nobody signs certificate requests here; set ROLLCALL_ISSUER, or bring the certificates with the request",
};

/** The authority's own word, one line. */
export function issuerRefused(detail: string): Refusal {
  return { code: "issuer-refused", detail };
}

function wholeSeconds(ms: number): Instant {
  return instant(Math.floor(ms / 1_000) * 1_000);
}
