import type { Duplex } from "node:stream";
import { connect, createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import type { DeviceCredential } from "./credential";

/** Opens a byte stream to a service of that public name, with that client certificate. */
export type Dialer = (hostName: string, credential: DeviceCredential) => Duplex;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface TlsDialerOptions {
  /** Where a public name (`lab-hub.azure-devices.net`) listens. @throws Error for a name that does not exist. */
  resolve(hostName: string): Endpoint;
  /** The authority that signed the servers' certificates. */
  readonly caPem: string;
}

/**
 * Dials over TLS with the real names: SNI and the check of the server's certificate are for `hostName`, only the
 * socket goes where `resolve` says.
 */
export function tlsDialer(options: TlsDialerOptions): Dialer {
  // Decoding keys and certificates costs more than the handshake's own arithmetic, so each credential is decoded once.
  const contexts = new Map<string, SecureContext>();
  const contextOf = ({ chainPem, privateKeyPem }: DeviceCredential): SecureContext => {
    const known = contexts.get(chainPem);
    if (known !== undefined) return known;
    const context = createSecureContext({ ca: options.caPem, cert: chainPem, key: privateKeyPem });
    contexts.set(chainPem, context);
    return context;
  };
  return (hostName, credential) =>
    connect({ ...options.resolve(hostName), servername: hostName, secureContext: contextOf(credential) });
}
