import { constants } from "node:crypto";
import type { Server, Socket } from "node:net";
import type { TlsOptions } from "node:tls";

/** A listener's own certificate: leaf and intermediates as PEM, and its key. */
export interface ListenerCertificate {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

/**
 * TLS towards devices: a client certificate is asked for and any is taken, or none; what it is worth is the service's to
 * decide. Session tickets are off: on a resumed session Node shows the leaf only, and the intermediates would be missing.
 */
export function deviceTls(certificate: ListenerCertificate): TlsOptions {
  return {
    cert: certificate.chainPem,
    key: certificate.privateKeyPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** An open port; `stop` cuts every connection and resolves when the port is free. */
export interface OpenListener {
  readonly port: number;
  stop(): Promise<void>;
}

/** Opens a TLS server on 127.0.0.1; 0 is any free port. No handshake and no connection can take the process down. */
export async function openOnLoopback(server: Server, port: number): Promise<OpenListener> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.removeListener("error", reject);
      server.on("error", () => undefined);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The listener has no port.");
  return {
    port: address.port,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
