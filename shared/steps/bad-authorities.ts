import type { OldAuthority } from "../domain/authority/plan";
import type { GroupSlots } from "../domain/authority/slots";
import { resolveBad, type BadAuthorities } from "../domain/enrollment/close-group";
import type { Sha256Thumbprint } from "../domain/ids";
import type { GroupScope } from "../domain/roll/request";
import type { Authority } from "../ports/authorities";
import type { CertificateReader } from "../ports/certificates";
import type { EnrollmentGroup } from "../ports/enrollment-groups";
import { findAuthority } from "./authority-world";
import { namedBad } from "./close-group";

/**
 * The compromised CAs of a breach, each with its name in DPS where it has one: as the group's closing saw them, because the
 * group may look otherwise by now; else as the group holds them.
 */
export function badAuthorities(
  scope: GroupScope,
  seen: { readonly bad: BadAuthorities } | undefined,
  world: { readonly group: EnrollmentGroup; readonly slots: GroupSlots; readonly authorities: readonly Authority[] },
): readonly OldAuthority[] {
  const { group, slots, authorities } = world;
  const holder = (thumbprint: Sha256Thumbprint): Authority | undefined =>
    authorities.find(({ certificate }) => certificate?.sha256Thumbprint === thumbprint);
  const bad = seen?.bad ?? resolveBad(group, namedBad(scope));
  const byName = bad.names.map((name) => ({ name, ...facts(findAuthority(authorities, name)) }));
  const known = new Set(byName.map(({ sha256Thumbprint }) => sha256Thumbprint));
  const byThumbprint = bad.thumbprints
    .filter((thumbprint) => !known.has(thumbprint))
    .map((sha256Thumbprint) => {
      const held = holder(sha256Thumbprint);
      const slot = [slots.primary, slots.secondary].find((one) => one?.sha256Thumbprint === sha256Thumbprint);
      return { ...until(slot?.notAfter), ...facts(held), ...named(held), sha256Thumbprint };
    });
  return [...byName, ...byThumbprint];
}

function facts(held: Authority | undefined): Omit<OldAuthority, "name"> {
  if (held?.certificate === undefined) return {};
  const { sha256Thumbprint, notAfter } = held.certificate;
  return { sha256Thumbprint, notAfter };
}

function named(held: Authority | undefined): Pick<OldAuthority, "name"> {
  return held === undefined ? {} : { name: held.name };
}

function until(notAfter: OldAuthority["notAfter"]): Pick<OldAuthority, "notAfter"> {
  return notAfter === undefined ? {} : { notAfter };
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
