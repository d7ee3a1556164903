import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isObject, messageOf, objectOf, textOf, tryParse } from "../json";
import type { CoreModule } from "./core-module";
import { matchMain } from "./main-glob";

/** The app cannot be loaded; the message names the file, the reason and what to do. */
export class AppRefused extends Error {
  override readonly name = "AppRefused";
}

/** Capabilities the Node worker announces before the programming model adds its own. */
const workerCapabilities = [
  ...["RawHttpBodyBytes", "RpcHttpTriggerMetadataRemoved", "RpcHttpBodyOnly", "IgnoreEmptyValuedRpcHttpHeaders"],
  ...["UseNullableValueDictionaryForHttp", "WorkerStatus", "TypedDataCollection", "HandlesWorkerTerminateMessage"],
];

/**
 * Loads the files that package.json `main` names, in order, runs the appStart hooks and locks registration. Returns
 * the address of the library's own HTTP server when the app asked for HTTP streaming.
 */
export async function loadApp(appDir: string, core: CoreModule, appHookData: object): Promise<string | undefined> {
  const packageFile = join(appDir, "package.json");
  const manifest = readManifest(packageFile);
  const main = textOf(manifest["main"]) ?? "index.js";
  const files = matchMain(appDir, main);
  if (files.length === 0) {
    throw new AppRefused(
      `${packageFile}: "main" is "${main}", and no file below ${appDir} matches it. Build the app, or correct "main".`,
    );
  }
  for (const file of files) await loadFile(join(appDir, file), manifest["type"] === "module");
  for (const hook of core.hooks.get("appStart") ?? []) {
    await hook({ hookData: {}, appHookData, functionAppDirectory: appDir });
  }
  if (core.model === undefined) {
    throw new AppRefused(
      `${packageFile}: loading "${main}" registered no function. The app must require @azure/functions (v4) and call app.http, app.timer …`,
    );
  }
  const capabilities = await core.model.getCapabilities?.(
    Object.fromEntries(workerCapabilities.map((name) => [name, "true"])),
  );
  core.lock();
  return capabilities?.["HttpUri"];
}

function readManifest(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new AppRefused(`${file} cannot be read (${messageOf(error)}). Point --app at the folder of a Functions app.`);
  }
  const parsed = tryParse(text);
  if (!isObject(parsed)) throw new AppRefused(`${file} is not a JSON object. Correct its syntax.`);
  return objectOf(parsed);
}

async function loadFile(file: string, packageIsModule: boolean): Promise<void> {
  const asModule = file.endsWith(".mjs") || (packageIsModule && !file.endsWith(".cjs"));
  try {
    if (asModule) await import(pathToFileURL(file).href);
    else createRequire(file)(file);
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new AppRefused(
      `${file} threw while it was loaded: ${messageOf(error)}\nNothing is served until it loads.\n${stack}`,
    );
  }
}
