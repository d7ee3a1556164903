import { generateKeyPairSync, sign } from "node:crypto";
import { addMs } from "../../domain/instant";
import { CLIENT_AUTH } from "../../domain/certificate/profile";
import type { Clock, Entropy } from "../../ports/clock";
import type { Decoys } from "../../ports/decoys";
import { newSerialNumber } from "../issuers/serial-number";
import { signatureAlgorithmOf } from "../issuers/signature-algorithm";
import { signedCertificate, toBeSigned } from "./certificate-builder";
import { derTag } from "./der-reader";
import { derObjectIdentifier, derSequence, derValue } from "./der-writer";
import { toPem } from "./pem";

const COMMON_NAME = "2.5.4.3";
const FIVE_MINUTES_MS = 300_000;

/** Makes decoys; the private key is dropped as soon as it has signed. */
export function createDecoys(clock: Clock, entropy: Entropy): Decoys {
  return {
    make: (registrationId, notAfter) => {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const algorithm = signatureAlgorithmOf(publicKey);
      if (algorithm === undefined) throw new Error("P-256 has no signature algorithm");
      const name = derSequence(derObjectIdentifier(COMMON_NAME), derValue(0x0c, Buffer.from(registrationId, "utf8")));
      const bytes = toBeSigned(
        {
          serialNumber: newSerialNumber(entropy),
          issuer: { subjectDer: derSequence(derValue(derTag.set, name)), subjectKeyId: undefined },
          subject: { commonName: registrationId },
          notBefore: addMs(clock.now(), -FIVE_MINUTES_MS),
          notAfter,
          publicKeyDer: publicKey.export({ type: "spki", format: "der" }),
          keyUsage: ["digitalSignature"],
          extendedKeyUsage: [CLIENT_AUTH],
        },
        algorithm.identifier,
      );
      return toPem(signedCertificate(bytes, algorithm.identifier, sign(algorithm.hash, bytes, privateKey)));
    },
  };
}
