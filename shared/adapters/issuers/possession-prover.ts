import { generateKeyPairSync } from "node:crypto";
import { CLIENT_AUTH } from "../../domain/certificate/profile";
import { instant } from "../../domain/instant";
import type { Clock, Entropy } from "../../ports/clock";
import type { PossessionProver } from "../../ports/issuers";
import { canonicalKey } from "../x509/certificate-facts";
import { toPem } from "../x509/pem";
import { signCertificate, type AuthorityKey } from "./authority-key";
import { newSerialNumber } from "./serial-number";

const HOUR_MS = 3_600_000;

/** Proves the possession of each of these CAs' keys; the CAs are told apart by their certificates' thumbprints. */
export function createPossessionProver(
  keys: readonly AuthorityKey[],
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): PossessionProver {
  return {
    async sign(caThumbprint, verificationCode) {
      const key = keys.find(({ certificates }) => certificates[0].facts.sha256Thumbprint === caThumbprint);
      if (key === undefined) return { outcome: "no-signer" };
      const now = clock.now();
      const authority = key.certificates[0].facts;
      const certificate = await signCertificate(key, {
        serialNumber: newSerialNumber(entropy),
        subject: { commonName: verificationCode },
        notBefore: instant(Math.max(now - HOUR_MS, authority.notBefore)),
        notAfter: instant(Math.min(now + 24 * HOUR_MS, authority.notAfter)),
        // It needs some key, which nobody will ever use: the private half is forgotten at once.
        publicKeyDer: canonicalKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey),
        keyUsage: ["digitalSignature"],
        extendedKeyUsage: [CLIENT_AUTH],
      });
      return { outcome: "signed", certificatePem: toPem(certificate.x509.raw) };
    },
  };
}
