import { createHmac, timingSafeEqual } from "node:crypto";
import { HubError } from "./errors";

/** A shared access policy of the hub. */
export interface AccessPolicy {
  readonly name: string;
  /** Base64 of the key's bytes. */
  readonly key: string;
  readonly rights: readonly ("RegistryRead" | "RegistryWrite" | "ServiceConnect" | "DeviceConnect")[];
}

export type AccessRight = AccessPolicy["rights"][number];

/** The policies that Azure creates with a hub. Keys are the lab's own and no secret. */
export function defaultPolicies(): AccessPolicy[] {
  const key = (name: string) => createHmac("sha256", "lab-iot-hub").update(name).digest("base64");
  return [
    {
      name: "iothubowner",
      key: key("iothubowner"),
      rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
    },
    { name: "service", key: key("service"), rights: ["ServiceConnect"] },
    { name: "device", key: key("device"), rights: ["DeviceConnect"] },
    { name: "registryRead", key: key("registryRead"), rights: ["RegistryRead"] },
    { name: "registryReadWrite", key: key("registryReadWrite"), rights: ["RegistryRead", "RegistryWrite"] },
  ];
}

/** A parsed `SharedAccessSignature sr=…&sig=…&se=…&skn=…`. */
export interface SasToken {
  readonly resource: string;
  readonly signature: Buffer;
  readonly expiry: string;
  readonly policy: string | undefined;
}

export function parseSas(text: string): SasToken | undefined {
  const match = /^SharedAccessSignature\s+(.+)$/.exec(text);
  if (!match) return undefined;
  const fields = new Map(
    (match[1] ?? "").split("&").map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), decode(pair.slice(at + 1))];
    }),
  );
  return {
    resource: fields.get("sr") ?? "",
    signature: Buffer.from(fields.get("sig") ?? "", "base64"),
    expiry: fields.get("se") ?? "",
    policy: fields.get("skn"),
  };
}

/** Good signatures of the last few tokens: clients send one token for an hour, with every request. */
const known = new Set<string>();
const knownLimit = 1_000;

/** HMAC-SHA256 with the decoded key over `{encoded resource}\n{expiry}`, and not yet expired. */
export function sasSigned(token: SasToken, key: string, nowMs: number): boolean {
  if (!(Number(token.expiry) * 1_000 > nowMs)) return false;
  const claim = `${key}|${token.resource}|${token.expiry}|${token.signature.toString("base64")}`;
  if (known.has(claim)) return true;
  const expected = createHmac("sha256", Buffer.from(key, "base64"))
    .update(`${encodeURIComponent(token.resource)}\n${token.expiry}`)
    .digest();
  const signed = token.signature.length === expected.length && timingSafeEqual(token.signature, expected);
  if (signed && known.size >= knownLimit) known.clear();
  if (signed) known.add(claim);
  return signed;
}

/**
 * Lets a request of the service API pass or throws 401. A bearer token is taken as it is: the lab has no token
 * authority, and a real one would be asked for the scope `https://iothubs.azure.net/.default`.
 */
export function authorize(
  header: string | undefined,
  right: AccessRight,
  policies: readonly AccessPolicy[],
  hostName: string,
  nowMs: number,
): void {
  if (header !== undefined && /^Bearer \S+$/.test(header)) return;
  const token = parseSas(header ?? "");
  const policy = policies.find((candidate) => candidate.name === token?.policy);
  const inScope = token !== undefined && (token.resource.toLowerCase().split("/")[0] ?? "") === hostName.toLowerCase();
  if (token && policy && inScope && policy.rights.includes(right) && sasSigned(token, policy.key, nowMs)) return;
  throw new HubError("IotHubUnauthorizedAccess", "Unauthorized");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
