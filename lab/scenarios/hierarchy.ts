import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createIntermediate, createRoot } from "../pki/certificates";
import type { CertificateAuthority } from "../pki/certificates";

/** The certificate authorities of one story: those its devices begin with, and those they are to end with. */
export interface Hierarchy {
  readonly root: CertificateAuthority;
  /** Below `root`; it signs the devices' first leaves. */
  readonly intermediate: CertificateAuthority;
  /** Below `root` too, for devices that a roll of `intermediate` must leave alone. */
  readonly sibling: CertificateAuthority;
  /** Below `root`: what `intermediate` is replaced by. */
  readonly nextIntermediate: CertificateAuthority;
  /** What `root` is replaced by. */
  readonly nextRoot: CertificateAuthority;
  /** Below `nextRoot`. */
  readonly intermediateOfNextRoot: CertificateAuthority;
}

/** Fresh authorities, named after the story, so that stories can share a lab. */
export function newHierarchy(story: string): Hierarchy {
  const root = createRoot({ commonName: `${story} root` });
  const nextRoot = createRoot({ commonName: `${story} next root` });
  const below = (issuer: CertificateAuthority, name: string): CertificateAuthority =>
    createIntermediate({ commonName: `${story} ${name}`, issuer });
  return {
    root,
    intermediate: below(root, "devices"),
    sibling: below(root, "sibling"),
    nextIntermediate: below(root, "next devices"),
    nextRoot,
    intermediateOfNextRoot: below(nextRoot, "devices of next root"),
  };
}

/** All of them. */
export function authoritiesOf(hierarchy: Hierarchy): CertificateAuthority[] {
  const { root, intermediate, sibling, nextIntermediate, nextRoot, intermediateOfNextRoot } = hierarchy;
  return [root, intermediate, sibling, nextIntermediate, nextRoot, intermediateOfNextRoot];
}

/** Where the certificate and the key of an authority were left, for a product that signs with it. */
export interface AuthorityFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Leaves an authority as PEM files in `folder`; the certificate file holds its intermediates as well. */
export async function writeAuthority(
  folder: string,
  name: string,
  authority: CertificateAuthority,
): Promise<AuthorityFiles> {
  const files = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
  await writeFile(files.certFile, authority.chainPem === "" ? authority.certificatePem : authority.chainPem);
  await writeFile(files.keyFile, authority.privateKeyPem, { mode: 0o600 });
  return files;
}
