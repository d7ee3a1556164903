import { createServer } from "node:tls";
import type { LabClock } from "../clock";
import { deviceTls, openOnLoopback, type ListenerCertificate } from "../tls/device-listener";
import { remoteOf } from "./peer";
import { serveMqtt, type MqttHandlers, type MqttSession } from "./session";

export interface MqttTlsOptions {
  readonly certificate: ListenerCertificate;
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

/** MQTT over TLS on loopback: what a client certificate is worth is decided at CONNECT. */
export async function listenMqttTls(options: MqttTlsOptions): Promise<MqttTlsListener> {
  const sessions = new Set<MqttSession>();
  const server = createServer({ ...deviceTls(options.certificate), handshakeTimeout: 20_000 });
  server.on("secureConnection", (socket) => {
    socket.setNoDelay(true);
    const session = serveMqtt(socket, remoteOf(socket), options.handlers, options.clock);
    sessions.add(session);
    socket.on("close", () => sessions.delete(session));
  });
  const listener = await openOnLoopback(server, options.port ?? 0);
  return {
    port: listener.port,
    sessions,
    stop: async () => {
      for (const session of sessions) session.end();
      await listener.stop();
    },
  };
}
