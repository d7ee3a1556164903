import { createPrivateKey } from "node:crypto";

/** DER certificates in the order they stand in the text, or why there are none to be had. */
export type PemReading =
  | { readonly outcome: "certificates"; readonly der: readonly Buffer[] }
  | { readonly outcome: "private-key" }
  | { readonly outcome: "unreadable"; readonly detail: string };

/** A device presents leaf and intermediates; more than this is no chain, and each costs time to check. */
const MAX_CERTIFICATES = 16;

const BLOCK = /-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----/g;
const REQUEST = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]*)-----END (?:NEW )?CERTIFICATE REQUEST-----/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Takes the certificates out of PEM text (RFC 7468 §5). Other blocks and text between blocks are passed over, except a
 * private key, which makes the whole text unusable: whoever sent it has shown it to every system on the way.
 */
export function readPem(text: string): PemReading {
  if (mentionsPrivateKey(text)) return { outcome: "private-key" };
  const der: Buffer[] = [];
  for (const [, body = ""] of text.matchAll(BLOCK)) {
    const base64 = body.replace(/\s+/g, "");
    if (!BASE64.test(base64)) return { outcome: "unreadable", detail: `certificate ${der.length + 1} is not base64` };
    const bytes = Buffer.from(base64, "base64");
    if (isPrivateKey(bytes)) return { outcome: "private-key" };
    if (der.length === MAX_CERTIFICATES)
      return { outcome: "unreadable", detail: `more than ${MAX_CERTIFICATES} certificates` };
    der.push(bytes);
  }
  if (der.length > 0) return { outcome: "certificates", der };
  return { outcome: "unreadable", detail: "no certificate in PEM form (-----BEGIN CERTIFICATE-----)" };
}

/** The DER of a certificate request in PEM text (RFC 7468 §7): the only one in it. */
export function readRequestPem(
  text: string,
): { readonly outcome: "request"; readonly der: Buffer } | Exclude<PemReading, { readonly outcome: "certificates" }> {
  if (mentionsPrivateKey(text)) return { outcome: "private-key" };
  const [first, second] = [...text.matchAll(REQUEST)].map(([, body = ""]) => body.replace(/\s+/g, ""));
  if (first === undefined || second !== undefined || !BASE64.test(first))
    return { outcome: "unreadable", detail: "the text is not exactly one certificate request" };
  const der = Buffer.from(first, "base64");
  return isPrivateKey(der) ? { outcome: "private-key" } : { outcome: "request", der };
}

/** One certificate as PEM with lines of 64 characters, ending in a newline. */
export function toPem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/**
 * A BEGIN or END line whose label speaks of a private key: PKCS #8, encrypted, SEC 1, PKCS #1, OpenSSH, PGP. Blanks, line
 * breaks (also written as \n), letter case and the kind of dash do not count, because mail programs and forms change
 * them and the key is no less exposed.
 */
function mentionsPrivateKey(text: string): boolean {
  const squeezed = text
    .replace(/\\[rnt]/g, "")
    .replace(/\p{Pd}/gu, "-")
    .replace(/[\s\p{Cf}]/gu, "");
  return /-(?:BEGIN|END)[^-]*PRIVATE[^-]*KEY/i.test(squeezed);
}

/** A key under a certificate's label. */
function isPrivateKey(der: Buffer): boolean {
  // Asked of every certificate of every report, and OpenSSL takes longest to find out that something is no key.
  if (!beginsWithInteger(der)) return false;
  return (["pkcs8", "sec1", "pkcs1"] as const).some((type) => {
    try {
      createPrivateKey({ key: der, format: "der", type });
      return true;
    } catch {
      return false;
    }
  });
}

/** As all of PKCS #8, SEC 1 and PKCS #1 do, inside their outer sequence: a certificate begins with a sequence there. */
function beginsWithInteger(der: Buffer): boolean {
  const length = der[1] ?? 0;
  const header = length < 0x80 ? 2 : 2 + (length & 0x7f);
  return der[0] === 0x30 && der[header] === 0x02;
}
