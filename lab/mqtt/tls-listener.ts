import { constants } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:tls";
import type { LabClock } from "../clock";
import { remoteOf } from "./peer";
import { serveMqtt, type MqttHandlers, type MqttSession } from "./session";

export interface MqttTlsOptions {
  /** The listener's own certificate: leaf and intermediates as PEM, and its key. */
  readonly certificate: { readonly chainPem: string; readonly privateKeyPem: string };
  readonly handlers: MqttHandlers;
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  readonly clock?: LabClock;
}

export interface MqttTlsListener {
  readonly port: number;
  /** Every session whose stream is still there, accepted or not. */
  readonly sessions: ReadonlySet<MqttSession>;
  /** Closes the port and cuts every connection; resolves when the port is free again. */
  stop(): Promise<void>;
}

/**
 * MQTT over TLS on loopback that asks for a client certificate and takes any: what it is worth is decided at CONNECT.
 * Session tickets are off: on a resumed session Node shows the leaf only, and the intermediates would be missing.
 */
export async function listenMqttTls(options: MqttTlsOptions): Promise<MqttTlsListener> {
  const sessions = new Set<MqttSession>();
  const sockets = new Set<Socket>();
  const server = createServer({
    cert: options.certificate.chainPem,
    key: options.certificate.privateKeyPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: 20_000,
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("secureConnection", (socket) => {
    socket.setNoDelay(true);
    const session = serveMqtt(socket, remoteOf(socket), options.handlers, options.clock);
    sessions.add(session);
    socket.on("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => {
      server.removeListener("error", reject);
      server.on("error", () => undefined);
      resolve();
    });
  });
  return {
    port: portOf(server.address()),
    sessions,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.end();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("The listener has no port.");
  return address.port;
}
