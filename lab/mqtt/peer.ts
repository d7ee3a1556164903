import type { TLSSocket } from "node:tls";
import type { MqttRemote } from "./session";

/**
 * What a TLS client presented. The chain is as it was sent, unverified: `selfSigned` identities need none, and DPS and
 * IoT Hub trust authorities of their own, not those of the listener.
 */
export function remoteOf(socket: TLSSocket): MqttRemote {
  const chain: Buffer[] = [];
  for (let certificate = socket.getPeerX509Certificate(); certificate; certificate = certificate.issuerCertificate) {
    const der = certificate.raw;
    if (chain.some((known) => known.equals(der))) break; // a self-signed certificate names itself as its issuer
    chain.push(der);
  }
  const leaf = chain[0];
  const servername: unknown = socket.servername;
  return {
    chain,
    ...(leaf ? { certificateDer: leaf } : {}),
    ...(typeof servername === "string" && servername !== "" ? { servername } : {}),
  };
}
