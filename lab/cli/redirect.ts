import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import tls from "node:tls";
import { z } from "zod";

/**
 * Loaded before a program (`node --require`), it leads the public names of a lab's services to the lab's ports, so
 * that the program needs no line for it: `lab-hub.azure-devices.net:8883` is the hub's MQTT port on this machine. Names
 * and server certificates are checked as ever, only against the lab's authority. All other names go where they would.
 * The environment variable LAB_ADDRESSES says which names; without it nothing is changed.
 */
const addresses = z.object({ caFile: z.string(), ports: z.record(z.string(), z.number()) });

const text = process.env["LAB_ADDRESSES"];
if (text !== undefined) install(addresses.parse(JSON.parse(text)));

function install({ caFile, ports }: z.output<typeof addresses>): void {
  const ca = readFileSync(caFile, "utf8");
  const original = tls.connect;
  const redirected = (...args: readonly unknown[]): tls.TLSSocket => {
    const { options, listener } = argumentsOf(args);
    const host = options.host ?? "localhost";
    const port = ports[`${host.toLowerCase()}:${options.port ?? ""}`];
    const target = port === undefined ? options : { ...options, host: "127.0.0.1", port, ca, servername: host };
    return original(target, listener);
  };
  // Not an assignment: TypeScript holds that modules cannot change, and this one shall.
  Object.assign(tls, { connect: redirected });
  syncBuiltinESMExports();
}

/** The three forms of `tls.connect`: (options), (port, options) and (port, host, options), each with a listener or not. */
function argumentsOf(args: readonly unknown[]): { options: tls.ConnectionOptions; listener?: () => void } {
  const options: tls.ConnectionOptions = {};
  for (const argument of args) {
    if (typeof argument === "number") options.port = argument;
    else if (typeof argument === "string") options.host = argument;
    else if (typeof argument === "object") Object.assign(options, argument);
  }
  const last = args.at(-1);
  return isListener(last) ? { options, listener: last } : { options };
}

function isListener(value: unknown): value is () => void {
  return typeof value === "function";
}
