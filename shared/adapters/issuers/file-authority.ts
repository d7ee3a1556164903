import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readAuthority, type AuthorityKey } from "./authority-key";

/**
 * A CA in PEM files. Its key lies in this process, so it is for labs and tests, and everything it signs is warned of as
 * `test-ca`. Throws `RangeError`, saying what to give instead, where certificate and key cannot be used or do not belong
 * together; the key is never part of the message.
 */
export function fileAuthority(pem: { readonly certificates: string; readonly privateKey: string }): AuthorityKey {
  const { certificates, algorithm } = readAuthority(pem.certificates);
  const key = readKey(pem.privateKey);
  if (!createPublicKey(key).equals(certificates[0].x509.publicKey))
    throw new RangeError("holds a key that does not belong to the first certificate");
  return {
    certificates,
    algorithm,
    warnings: ["test-ca"],
    sign: (bytes) => Promise.resolve(sign(algorithm.hash, bytes, key)),
  };
}

function readKey(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new RangeError("holds no readable private key; give it unencrypted in PEM form");
  }
}
