import { createHash } from "node:crypto";
import type { EvidenceSettings } from "../../config/evidence-variables";
import { SettingsError } from "../../config/settings";
import type { EvidenceSigner } from "../../domain/evidence/lines";
import { RollError } from "../../domain/roll-error";
import type { EvidenceKey } from "../../ports/evidence";
import { createTransport } from "../azure/transport";
import { connectVaultKey, type VaultKey } from "../issuers/key-vault";
import { isSigned, readPrivateKey, readSigner } from "./signatures";

/** A key in a PEM file: it lies in this process. With a certificate, which must be over that key, reports carry it. */
export function fileKey(privateKeyPem: string, certificatePem?: string): EvidenceKey {
  const { signer: own, sign } = readPrivateKey(privateKeyPem);
  const signer = certificatePem === undefined ? own : readSigner(certificatePem);
  if (signer.publicKeyPem !== own.publicKeyPem) throw new RangeError("holds a certificate over another key");
  return { signer, sign: (text) => Promise.resolve(sign(text).toString("base64")) };
}

/** A key that stays in Azure Key Vault; `publicPem` is its certificate or public key. */
export function vaultEvidenceKey(publicPem: string, key: VaultKey): EvidenceKey {
  const signer = readSigner(publicPem);
  return {
    signer,
    async sign(text) {
      const digest = createHash(HASHES[signer.algorithm]).update(text).digest();
      const value = Buffer.from(await key.sign(signer.algorithm, digest)).toString("base64");
      if (isSigned(text, { signer, value })) return value;
      throw new RollError(
        "service-answer-unreadable",
        "Key Vault signed with another key than the one in the setting",
        false,
      );
    },
  };
}

const HASHES = { ES256: "sha256", ES384: "sha384", ES512: "sha512", RS256: "sha256" } as const satisfies Record<
  EvidenceSigner["algorithm"],
  string
>;

/** The key that the settings name; undefined: reports are not signed. Sends nothing yet. Throws `SettingsError`. */
export function connectEvidenceKey(
  given: EvidenceSettings | undefined,
  how: Parameters<typeof createTransport>[0],
): EvidenceKey | undefined {
  if (given === undefined) return undefined;
  try {
    return given.kind === "file"
      ? fileKey(given.privateKeyPem, given.certificatePem)
      : vaultEvidenceKey(given.publicPem, connectVaultKey(given.keyId, createTransport(how)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SettingsError([`ROLLCALL_EVIDENCE_KEY: a file of it ${error.message}`]);
  }
}
