import { derTag, objectIdentifierText, openDer, readDer, type DerValue } from "./der-reader";

const SIGNED_DATA = "1.2.840.113549.1.7.2";

/**
 * The certificates of a certs-only PKCS #7 message (RFC 5652 §5.1 without signers, as RFC 7030 §4.1.3 uses it), in the order
 * in which they stand there, which means nothing. Throws `RangeError` for anything else.
 */
export function readCertsOnly(der: Buffer): readonly Buffer[] {
  const [type, content] = openDer(readDer(der)[0], derTag.sequence);
  if (objectIdentifierText(type) !== SIGNED_DATA) throw new RangeError("no SignedData");
  const [signedData] = openDer(content, 0xa0);
  // version, digestAlgorithms, encapContentInfo, [0] certificates, [1] crls, signerInfos
  const certificates = openDer(signedData, derTag.sequence).find(({ tag }) => tag === 0xa0);
  if (certificates === undefined) return [];
  return readDer(certificates.contents).flatMap((value: DerValue) =>
    value.tag === derTag.sequence ? [Buffer.from(value.whole)] : [],
  );
}
