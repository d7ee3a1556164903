import { messageOf } from "../json";
import { CoreModule } from "./core-module";
import { invoke } from "./invoke";
import { AppRefused, loadApp } from "./load-app";
import type { FromWorker, ToWorker } from "./protocol";

/**
 * The app's own process: loads the app, runs invocations, and ends with its engine. Nothing here holds state, so it
 * may be killed at any moment.
 */
const appHookData = {};
let core: CoreModule | undefined;

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

function log(level: string, category: string, text: string): void {
  send({ type: "log", level, category, text });
}

async function load(appDir: string, hostVersion: string): Promise<void> {
  core = new CoreModule(hostVersion, log);
  core.install();
  try {
    const httpUri = await loadApp(appDir, core, appHookData);
    const functions = [...core.functions.values()].map(({ metadata }) => metadata);
    send({ type: "loaded", functions, ...(httpUri === undefined ? {} : { httpUri }) });
  } catch (error) {
    send({
      type: "refused",
      message: error instanceof AppRefused ? error.message : `The app failed to start: ${messageOf(error)}`,
    });
  }
}

async function terminate(): Promise<void> {
  for (const hook of core?.hooks.get("appTerminate") ?? []) await hook({ hookData: {}, appHookData });
  process.exit(0);
}

process.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "load":
      void load(message.appDir, message.hostVersion);
      return;
    case "invoke":
      if (core === undefined) return;
      send({ type: "began", id: message.id });
      void invoke(core, appHookData, message.invocation, log).then((answer) =>
        send({ type: "answer", id: message.id, answer }),
      );
      return;
    case "ping":
      send({ type: "pong" });
      return;
    case "terminate":
      void terminate();
      return;
  }
});

// The engine is gone, whatever became of it: an app without one must not go on doing things.
process.on("disconnect", () => process.exit(0));
// The Node worker logs these and lives on; so the error is seen and other invocations are not lost.
process.on("unhandledRejection", (reason) => log("error", "system", `Unhandled rejection: ${messageOf(reason)}`));
