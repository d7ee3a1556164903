import { z } from "zod";

/**
 * What an issued leaf says besides its name and key: nothing of it comes from the request. Every leaf is an end entity
 * (CA false) with key usage digitalSignature, or keyEncipherment as well for RSA keys, and the subject CN = registration id.
 */
export const CertificateProfile = z.object({
  /** From issuing to notAfter, in hours; cut where the issuing CA ends earlier. */
  validityHours: z.number().positive().max(87_600),
  /** How far notBefore lies in the past: devices' clocks lag. */
  backdateMinutes: z.number().nonnegative().max(1_440),
  /** Extended key usages as OIDs; clientAuth must be among them for DPS and IoT Hub. */
  extendedKeyUsage: z.array(z.string().regex(/^\d+(\.\d+)+$/)).min(1),
  /** Organization (O) of the subject. */
  organization: z.string().min(1).max(64).optional(),
  /** A subject alternative name of type URI: this text and the registration id. */
  uriPrefix: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*:[\x21-\x7e]*$/)
    .max(200)
    .optional(),
});
export type CertificateProfile = z.infer<typeof CertificateProfile>;

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** Ninety days from ten minutes ago, for TLS clients. */
export const DEFAULT_PROFILE: CertificateProfile = {
  validityHours: 90 * 24,
  backdateMinutes: 10,
  extendedKeyUsage: [CLIENT_AUTH],
};
