import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject, objectOf, tryParse } from "./json";

/** Something about the app's folder is wrong; the message names the file, the reason and the remedy. */
export class HostRefused extends Error {
  override readonly name = "HostRefused";
}

export type Settings = Readonly<Record<string, string | undefined>>;

/** The Values of local.settings.json; an app without that file has none. */
export function localSettings(appDir: string): Settings {
  const file = join(appDir, "local.settings.json");
  if (!existsSync(file)) return {};
  const values = objectOf(readJsonObject(file)["Values"]);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (typeof value !== "string") throw new HostRefused(`${file}: Values.${name} must be text. Put it in quotes.`);
      return [name, value];
    }),
  );
}

/** Replaces every `%NAME%` by the setting; `where` names the place for the message when there is none. */
export function resolveSettings(text: string, settings: Settings, where: string): string {
  return text.replace(/%([^%]+)%/g, (_whole, name: string) => {
    const value = settings[name];
    if (value === undefined) {
      throw new HostRefused(`${where}: "%${name}%" names a setting that is not set. Set ${name}.`);
    }
    return value;
  });
}

export function readJsonObject(file: string): Readonly<Record<string, unknown>> {
  const text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  const parsed = tryParse(text);
  if (!isObject(parsed)) throw new HostRefused(`${file} is not a JSON object. Correct its syntax.`);
  return parsed;
}
