import { toPem } from "../x509/pem";
import { presentedAbove, signCertificate, type AuthorityKey } from "./authority-key";
import type { LeafSigner } from "./leaf-signer";

/** Issues leaves from a CA of one's own: this app says what stands in them, the CA's key signs. */
export function authoritySigner(key: AuthorityKey): LeafSigner {
  const above = presentedAbove(key.certificates);
  return {
    authorities: key.certificates.map(({ facts }) => facts),
    followsTemplate: true,
    warnings: key.warnings,
    async sign({ request, registrationId, profile, serialNumber, notBefore, notAfter }) {
      const { uriPrefix, organization, extendedKeyUsage } = profile;
      const leaf = await signCertificate(key, {
        serialNumber,
        subject: { commonName: registrationId, organization },
        notBefore,
        notAfter,
        publicKeyDer: request.publicKeyDer,
        // TLS key exchange by RSA encrypts to the certificate's key; elliptic curves only sign.
        keyUsage: request.publicKey.kind === "rsa" ? ["digitalSignature", "keyEncipherment"] : ["digitalSignature"],
        extendedKeyUsage,
        uri: uriPrefix === undefined ? undefined : `${uriPrefix}${registrationId}`,
      });
      return { outcome: "signed", chainPem: toPem(leaf.x509.raw) + above };
    },
  };
}
