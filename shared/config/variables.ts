import { z } from "zod";
import { HubHostName } from "../domain/ids";

/** How to reach one service: by a shared access key, or as the app's own Entra identity. */
export type ServiceAccess =
  | { readonly kind: "sas"; readonly host: HubHostName; readonly keyName: string; readonly key: string }
  | { readonly kind: "identity"; readonly host: HubHostName };

/** The Azure Resource Manager id of a DPS instance, taken apart. */
export interface DpsResourceId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** A variable whose text `read` turns into a value; where it answers undefined the problem reads `whatToDo`. */
export function variable<T>(whatToDo: string, read: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = read(text.trim());
    if (value !== undefined) return value;
    // The input is left out on purpose: most of these values are secrets.
    context.issues.push({ code: "custom", message: whatToDo, input: undefined });
    return z.NEVER;
  });
}

/** A whole number within `min` and `max`, or `fallback` where the variable is not set. */
export function wholeNumber(o: { readonly fallback: number; readonly min: number; readonly max: number }) {
  const whatToDo = `give a whole number from ${o.min} to ${o.max}, or leave it out for ${o.fallback}`;
  return variable(whatToDo, (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : -1;
    return value >= o.min && value <= o.max ? value : undefined;
  }).default(o.fallback);
}

/** A host name without scheme, port or path; answered in lower case. */
export function readHostName(text: string): HubHostName | undefined {
  return HubHostName.safeParse(text.toLowerCase()).data;
}

/** Non-empty parts between commas, trimmed; undefined if there are none or one of them is there twice. */
export function readList(text: string): readonly string[] | undefined {
  const parts = text.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
  return parts.length > 0 && new Set(parts).size === parts.length ? parts : undefined;
}

/** `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…` in any order. */
export function readConnectionString(text: string): ServiceAccess | undefined {
  const parts = new Map<string, string>();
  for (const part of text.split(";")) {
    // The key is base64 and may end in "=": only the first "=" separates.
    const at = part.indexOf("=");
    if (at > 0) parts.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  const host = readHostName(parts.get("hostname") ?? "");
  const keyName = parts.get("sharedaccesskeyname");
  const key = parts.get("sharedaccesskey");
  return host !== undefined && keyName && key ? { kind: "sas", host, keyName, key } : undefined;
}

/** A JSON array of connection strings, each host once. */
export function readConnectionStrings(text: string): readonly ServiceAccess[] | undefined {
  const strings = z.array(z.string()).min(1).safeParse(readJson(text)).data;
  return strings === undefined ? undefined : eachHostOnce(strings.map(readConnectionString));
}

/** Host names between commas, reached as the app's identity, each once. */
export function readIdentityHosts(text: string): readonly ServiceAccess[] | undefined {
  return eachHostOnce(
    readList(text)?.map((name) => {
      const host = readHostName(name);
      return host === undefined ? undefined : { kind: "identity", host };
    }) ?? [],
  );
}

/** `/subscriptions/…/resourceGroups/…/providers/Microsoft.Devices/provisioningServices/…`, whatever the letter case. */
export function readDpsResourceId(text: string): DpsResourceId | undefined {
  const form =
    /^\/subscriptions\/([0-9a-f-]{36})\/resourceGroups\/([^/]{1,90})\/providers\/Microsoft\.Devices\/provisioningServices\/([a-z0-9-]{1,64})$/i;
  const [, subscriptionId, resourceGroup, name] = form.exec(text) ?? [];
  return subscriptionId && resourceGroup && name ? { subscriptionId, resourceGroup, name } : undefined;
}

/** Six fields of cron, as Azure Functions' timers take them; the host judges the fields. */
export function readSchedule(text: string): string | undefined {
  return /^[\d*,/A-Za-z-]+( [\d*,/A-Za-z-]+){5}$/.test(text) ? text : undefined;
}

/** One or two secrets of at least 16 characters, between commas. */
export function readSecrets(text: string): readonly string[] | undefined {
  const secrets = readList(text);
  return secrets !== undefined && secrets.length <= 2 && secrets.every(({ length }) => length >= 16)
    ? secrets
    : undefined;
}

/** What `ROLLCALL_LOOPBACK` says: `{"caFile": "/path", "ports": {"<host name>": port}, "tokens": {"<audience>": "<token>"}}`. */
export interface Pins {
  readonly caFile: string;
  /** Port on 127.0.0.1 per host name in lower case. */
  readonly ports: ReadonlyMap<string, number>;
  /** Bearer token per audience (`https://management.azure.com`), for hosts that take no shared access key. */
  readonly tokens: ReadonlyMap<string, string>;
}

const PinsForm = z.strictObject({
  caFile: z.string().min(1),
  ports: z.record(z.string().toLowerCase().pipe(HubHostName), z.int().min(1).max(65_535)),
  tokens: z.record(z.string(), z.string().min(1)).default({}),
});

export function readPins(text: string): Pins | undefined {
  const { data } = PinsForm.safeParse(readJson(text));
  if (data === undefined) return undefined;
  const { caFile, ports, tokens } = data;
  return { caFile, ports: new Map(Object.entries(ports)), tokens: new Map(Object.entries(tokens)) };
}

/** Who may act, by the directory's word. */
export interface OperatorAccess {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** Believe the principal that App Service authentication has checked. */
  readonly easyAuth: boolean;
}

const OperatorsForm = z.strictObject({
  issuer: z.url(),
  audience: z.string().min(1).max(200),
  jwksUrl: z.url(),
  easyAuth: z.boolean().default(false),
});

/** Keys come over HTTPS; plain HTTP is for this machine alone. */
export function readOperators(text: string): OperatorAccess | undefined {
  const { data } = OperatorsForm.safeParse(readJson(text));
  if (data === undefined) return undefined;
  const { protocol, hostname } = new URL(data.jwksUrl);
  return protocol === "https:" || (protocol === "http:" && hostname === "127.0.0.1") ? data : undefined;
}

/** `true` or `false`. */
export function readBoolean(text: string): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}

function eachHostOnce(list: readonly (ServiceAccess | undefined)[]): readonly ServiceAccess[] | undefined {
  const known = list.filter((access) => access !== undefined);
  const hosts = new Set(known.map(({ host }) => host));
  return known.length > 0 && known.length === list.length && hosts.size === list.length ? known : undefined;
}

/** The value of JSON text; undefined if it is none. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Pauses in milliseconds, separated by commas. */
export function readPauses(text: string): number[] | undefined {
  const pauses = text.split(",").map((part) => (/^\s*\d{1,9}\s*$/.test(part) ? Number(part) : 0));
  return pauses.length <= 20 && pauses.every((pause) => pause > 0) ? pauses : undefined;
}
