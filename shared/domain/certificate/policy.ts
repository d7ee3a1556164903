import { z } from "zod";

/** What an installation demands of certificates, beyond what DPS and IoT Hub demand. */
export const CertificatePolicy = z.strictObject({
  /** Shortest RSA modulus in bits. */
  minRsaBits: z.int().min(1_024).max(16_384),
  /** Curves by OpenSSL's names, such as `prime256v1`. */
  curves: z.array(z.string().min(1)),
  /** Hashes that signatures may use, such as `sha256`. */
  hashes: z.array(z.string().min(1)),
  /** How much longer a new certificate must be valid at least. */
  minRemainingHours: z.number().nonnegative(),
  /** How long a leaf may be valid at most, from notBefore to notAfter; absent: as long as its issuer. */
  maxLeafDays: z.number().positive().optional(),
  /** Common names of CAs that are for tests: a chain with one of them as subject or issuer is warned of. */
  testAuthorities: z.array(z.string().min(1)),
});
export type CertificatePolicy = z.infer<typeof CertificatePolicy>;

export const DEFAULT_POLICY: CertificatePolicy = {
  minRsaBits: 2_048,
  curves: ["prime256v1", "secp384r1", "secp521r1"],
  hashes: ["sha256", "sha384", "sha512"],
  minRemainingHours: 0,
  testAuthorities: [],
};
