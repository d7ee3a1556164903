#!/usr/bin/env node
import { parseArgs } from "node:util";
import { host, lab, list, start } from "./commands";

const help = `Rollcall's lab: Azure DPS, IoT Hub, Event Hubs and storage on this machine, and the app in a Functions host.

  npm start                          play the first roll: devices, a thief, an alert, the proof; Ctrl-C ends it
  npm start -- --exit                the same, ends by itself; exit code 0 only if every claim held
  npm start -- --scenario NAME       play another scenario
  npm start -- --list                which scenarios there are
  npm run lab                        only the Azure side, for your own experiments; settings in .rollcall/
  npm run host [-- --port N]         the app, against the lab of \`npm run lab\` (default port 7071)

A first look: \`npm start\`, and while it runs \`curl -s <the status URL it prints>\`.
Where a claim is printed BROKEN, its sentence names the device, the door and how late it closed.`;

/** The command line makes no sense: answered with how to use it. */
class UsageError extends Error {}

const readArguments = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      exit: { type: "boolean", default: false },
      scenario: { type: "string" },
      list: { type: "boolean", default: false },
      port: { type: "string", default: "7071" },
      help: { type: "boolean", short: "h", default: false },
    },
  });

function usage(): ReturnType<typeof readArguments> {
  try {
    return readArguments();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function main(): Promise<number> {
  const { values, positionals } = usage();
  const [command = "start", ...rest] = positionals;
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (rest.length > 0) throw new UsageError(`Unexpected argument '${rest.join(" ")}'`);
  switch (command) {
    case "start":
      if (values.list) return list();
      return start({ exit: values.exit, ...(values.scenario === undefined ? {} : { scenario: values.scenario }) });
    case "lab":
      return lab();
    case "host": {
      const port = Number(values.port);
      if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`'${values.port}' is not a port`);
      return host({ port });
    }
    default:
      throw new UsageError(`Unknown command '${command}'`);
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${help}`);
    else console.error(error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
