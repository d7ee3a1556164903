import { z } from "zod";
import type { ReadNamedFile } from "./certificate-variables";
import { readJson } from "./variables";

const Path = z.string().min(1);

const EvidenceKey = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("file"), keyFile: Path, certFile: Path.optional() }),
  z.strictObject({
    kind: z.literal("key-vault"),
    keyId: z.string().regex(/^https:\/\/[a-z0-9.-]+\/keys\/[A-Za-z0-9-]{1,127}\/[0-9a-f]{32}$/i),
    /** The key's certificate, or the public key itself. */
    certFile: Path,
  }),
]);
type EvidenceKey = z.infer<typeof EvidenceKey>;

/** What signs evidence, with its files read. */
export type EvidenceSettings =
  | { readonly kind: "file"; readonly privateKeyPem: string; readonly certificatePem: string | undefined }
  | { readonly kind: "key-vault"; readonly keyId: string; readonly publicPem: string };

/** What to do about an unreadable `ROLLCALL_EVIDENCE_KEY`. */
export const EVIDENCE_KEY_FORM =
  'leave it out, or give {"kind": "key-vault", "keyId": "https://<vault>.vault.azure.net/keys/<name>/<version>", "certFile": "<certificate or public key>"} or {"kind": "file", "keyFile": "…", "certFile": "…"}';

export function readEvidenceKey(text: string): EvidenceKey | undefined {
  return EvidenceKey.safeParse(readJson(text)).data;
}

export function evidenceWithFiles(given: EvidenceKey, read: ReadNamedFile): EvidenceSettings {
  if (given.kind === "key-vault")
    return { kind: given.kind, keyId: given.keyId, publicPem: read("certFile", given.certFile) };
  const { certFile } = given;
  return {
    kind: given.kind,
    privateKeyPem: read("keyFile", given.keyFile),
    certificatePem: certFile === undefined ? undefined : read("certFile", certFile),
  };
}
