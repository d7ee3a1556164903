import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";

/**
 * `count` different TCP ports on 127.0.0.1 that were free a moment ago. All are held open together, so that the kernel
 * cannot hand out the same one twice; another process may still take one before it is used, so callers try again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(close));
  return ports;
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
