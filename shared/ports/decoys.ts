import type { RegistrationId } from "../domain/ids";
import type { Instant } from "../domain/instant";

/** Certificates that open nothing: they hold a place where DPS wants a certificate and the real one is not at hand. */
export interface Decoys {
  /** PEM of a self-signed certificate of this name over a key that nobody has; a new one each time. */
  make(registrationId: RegistrationId, notAfter: Instant): string;
}
