import type { Duplex } from "node:stream";
import type { DeviceCredential } from "./credential";
import type { Dialer } from "./dialer";
import { globalDpsHostName } from "./mqtt-transport";

/** A service of the lab in this process that takes connections without TLS and socket. */
export interface MemoryService {
  /** The device's end of a stream; the service sees `certificate` as if a handshake had presented it. */
  connectInMemory(certificate: { readonly der: Buffer; readonly chain: readonly Buffer[] }): Duplex;
}

export interface MemoryDialerOptions {
  readonly dps: MemoryService;
  readonly hubs: readonly (MemoryService & { readonly hostName: string })[];
}

/**
 * Dials services in this process: a device is whoever's certificate it hands over. Nobody asks for proof of the private
 * key, which a TLS handshake would, so this is for the size of a fleet and not for what a thief can do.
 * Dialling throws for the name of a hub that is not among `hubs`, and for a credential without a certificate.
 */
export function memoryDialer({ dps, hubs }: MemoryDialerOptions): Dialer {
  return (hostName, credential) => {
    const service = hostName === globalDpsHostName ? dps : hubs.find((hub) => hub.hostName === hostName);
    if (service === undefined) throw new Error(`There is no hub ${hostName} in this lab.`);
    const [der, ...chain] = certificatesOf(credential);
    if (der === undefined) throw new Error("The credential has no certificate to present.");
    return service.connectInMemory({ der, chain });
  };
}

/** DER, leaf first (RFC 7468 §5). Decoded at each dial: ten thousand decoded chains would only fill the memory. */
function certificatesOf({ chainPem }: DeviceCredential): Buffer[] {
  const blocks = chainPem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g);
  return [...blocks].map(([, base64 = ""]) => Buffer.from(base64, "base64"));
}
