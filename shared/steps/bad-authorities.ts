import type { OldAuthority } from "../domain/authority/plan";
import type { GroupSlots } from "../domain/authority/slots";
import type { Sha256Thumbprint } from "../domain/ids";
import type { GroupScope } from "../domain/roll/request";
import type { RollId } from "../domain/ids";
import type { Authority } from "../ports/authorities";
import type { CertificateReader } from "../ports/certificates";
import type { RollBlobs } from "../ports/stores";
import { findAuthority } from "./authority-world";

/** The compromised CAs of a breach, each with its name in DPS where it has one. */
export async function badAuthorities(
  _blobs: RollBlobs,
  _rollId: RollId,
  { compromised }: GroupScope,
  slots: GroupSlots,
  authorities: readonly Authority[],
): Promise<readonly OldAuthority[]> {
  const held = (compromised?.slots ?? (["primary", "secondary"] as const)).flatMap((slot) => slots[slot] ?? []);
  const thumbprints = new Set<Sha256Thumbprint>(compromised?.thumbprints);
  for (const { sha256Thumbprint } of held) if (sha256Thumbprint !== undefined) thumbprints.add(sha256Thumbprint);
  await Promise.resolve();
  return [...thumbprints].map((sha256Thumbprint) => {
    const known = authorities.find(({ certificate }) => certificate?.sha256Thumbprint === sha256Thumbprint);
    const notAfter =
      known?.certificate?.notAfter ?? held.find((one) => one.sha256Thumbprint === sha256Thumbprint)?.notAfter;
    return {
      sha256Thumbprint,
      ...(known === undefined ? {} : { name: known.name }),
      ...(notAfter === undefined ? {} : { notAfter }),
    };
  });
}

/** The compromised CAs' public keys, by SHA-256, as far as DPS shows their certificates. */
export function keysOf(
  certificates: CertificateReader,
  bad: readonly OldAuthority[],
  authorities: readonly Authority[],
): ReadonlySet<string> {
  const pems = bad.flatMap(
    ({ name }) => (name === undefined ? undefined : findAuthority(authorities, name)?.certificate?.pem) ?? [],
  );
  return new Set(
    pems.flatMap((pem) => {
      const reading = certificates.readChain(pem);
      return reading.outcome === "read" ? [reading.chain.leaf.publicKeySha256] : [];
    }),
  );
}
