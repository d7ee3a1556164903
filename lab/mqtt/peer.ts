import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { MqttRemote } from "./session";

/**
 * What a TLS client presented. The chain is as it was sent, unverified: `selfSigned` identities need none, and DPS and
 * IoT Hub trust authorities of their own, not those of the listener.
 */
export function remoteOf(socket: TLSSocket): MqttRemote {
  const chain: Buffer[] = [];
  const seen = new Set<string>();
  let certificate: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw && certificate.fingerprint256 !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256); // a self-signed certificate names itself as its issuer
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  const leaf = chain[0];
  const servername: unknown = socket.servername;
  return {
    chain,
    ...(leaf ? { certificateDer: leaf } : {}),
    ...(typeof servername === "string" && servername !== "" ? { servername } : {}),
  };
}
