#!/usr/bin/env node
import { parseArgs } from "node:util";
import { generalHelp, labHelp } from "./cli/help";
import { runLab } from "./cli/lab-command";
import { readLabCommand } from "./cli/lab-options";
import { switchTable } from "./cli/switches";
import { orUsage, UsageError, wholeNumber } from "./cli/usage";
import { host, list, start } from "./commands";
import { runHost } from "./functions-host/command";

const highestPort = 65_535;

async function startCommand(args: string[]): Promise<number> {
  const { values } = orUsage(() =>
    parseArgs({
      args,
      options: {
        exit: { type: "boolean", default: false },
        scenario: { type: "string" },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }),
  );
  if (values.help) return say(generalHelp);
  if (values.list) return list();
  return start({ exit: values.exit, ...(values.scenario === undefined ? {} : { scenario: values.scenario }) });
}

async function labCommand(args: string[]): Promise<number> {
  const command = readLabCommand(args);
  if (command.ask === "run") return runLab(command.run);
  return say(command.ask === "help" ? labHelp : switchTable());
}

async function hostCommand(args: string[]): Promise<number> {
  const { values } = orUsage(() =>
    parseArgs({
      args,
      options: {
        port: { type: "string", default: "7071" },
        folder: { type: "string", default: ".rollcall" },
        help: { type: "boolean", short: "h", default: false },
      },
    }),
  );
  if (values.help) return say(generalHelp);
  return host({ port: wholeNumber("--port", values.port, 0, highestPort), folder: values.folder });
}

/** The host ends the process itself, at Ctrl-C. */
async function foreignApp(args: string[]): Promise<number> {
  await runHost(args);
  return new Promise<number>(() => undefined);
}

function say(text: string): number {
  console.log(text);
  return 0;
}

/** The first argument names the command unless it is an option. */
const [first = "start", ...others] = process.argv.slice(2);
const [command, rest] = first.startsWith("-") ? ["start", [first, ...others]] : [first, others];

async function main(): Promise<number> {
  switch (command) {
    case "start":
      return startCommand(rest);
    case "lab":
      return labCommand(rest);
    case "host":
      // Any Functions app; without --app it is Rollcall itself, against the lab's settings.
      return rest.includes("--app") ? foreignApp(rest) : hostCommand(rest);
    default:
      throw new UsageError(`Unknown command '${command}'`);
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof UsageError) console.error(`${error.message}\n\n${command === "lab" ? labHelp : generalHelp}`);
    else console.error(error instanceof Error && command === "lab" ? error.message : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
