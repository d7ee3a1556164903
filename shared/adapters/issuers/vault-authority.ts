import { createHash } from "node:crypto";
import type { VaultKey } from "./key-vault";
import { readAuthority, type AuthorityKey } from "./authority-key";
import { derSequence, derUnsigned } from "../x509/der-writer";

/**
 * A CA whose key stays in Azure Key Vault: the vault gets a hash and gives a signature. `chainPem` is the CA's certificate,
 * then what is above it. Throws `RangeError` where that cannot be used.
 */
export function vaultAuthority(chainPem: string, key: VaultKey): AuthorityKey {
  const { certificates, algorithm } = readAuthority(chainPem);
  return {
    certificates,
    algorithm,
    warnings: [],
    async sign(bytes) {
      const signature = await key.sign(algorithm.vaultName, createHash(algorithm.hash).update(bytes).digest());
      return algorithm.vaultName === "RS256" ? Buffer.from(signature) : ecdsaValue(signature);
    },
  };
}

/** Key Vault gives ECDSA signatures as r and s side by side (IEEE P1363); certificates carry Ecdsa-Sig-Value (RFC 3279 §2.2.3). */
function ecdsaValue(signature: Uint8Array): Buffer {
  const half = signature.length / 2;
  return derSequence(derUnsigned(signature.subarray(0, half)), derUnsigned(signature.subarray(half)));
}
