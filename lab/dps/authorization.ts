import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { dpsErrors } from "./errors";

/** Rights of the shared access policies of DPS (Microsoft docs, how-to-control-access). */
export type DpsRight =
  "ServiceConfig" | "EnrollmentRead" | "EnrollmentWrite" | "RegistrationStatusRead" | "RegistrationStatusWrite";

/** A named key of the service API and how far it reaches. */
export interface SharedAccessPolicy {
  readonly name: string;
  /** Base64. */
  readonly key: string;
  readonly rights: readonly DpsRight[];
}

/** What `provisioningserviceowner` may do. */
export const allRights: readonly DpsRight[] = [
  "ServiceConfig",
  "EnrollmentRead",
  "EnrollmentWrite",
  "RegistrationStatusRead",
  "RegistrationStatusWrite",
];

/** A policy with a fresh key; default: the owner's name and all rights. */
export function sharedAccessPolicy(name = "provisioningserviceowner", rights = allRights): SharedAccessPolicy {
  return { name, key: randomBytes(32).toString("base64"), rights };
}

/** The audience of tokens for the service API. */
export const dataPlaneAudience = "https://azure-devices-provisioning.net";
/** The audience of tokens for the control plane. */
export const armAudience = "https://management.azure.com";

/**
 * What signs the lab's bearer tokens. No secret: it stands in for Entra ID, so that a token with a wrong audience, an
 * expired one or one made by somebody else is refused as there.
 */
const labTokenKey = "rollcall-lab-entra";

/** What a bearer token of the lab says. */
export interface LabToken {
  /** Default: the data plane of DPS. */
  readonly audience?: string;
  /** Default: one hour from now. */
  readonly expiresAt?: number;
  /** Names of Azure roles; default: full access. */
  readonly roles?: readonly string[];
}

/** A bearer token that the lab's DPS and ARM take. */
export function labToken(token: LabToken = {}): string {
  const expiresAt = token.expiresAt ?? Date.now() + 3_600_000;
  const payload = {
    aud: token.audience ?? dataPlaneAudience,
    exp: Math.floor(expiresAt / 1000),
    ...(token.roles ? { roles: token.roles } : {}),
  };
  const head = [{ alg: "HS256", typ: "JWT" }, payload].map((part) => encode(JSON.stringify(part))).join(".");
  return `${head}.${tokenSignature(head)}`;
}

/** Throws DpsError 401 unless the Authorization header grants the right on this host. `now` in milliseconds. */
export function authorize(
  header: string | undefined,
  right: DpsRight,
  host: string,
  policies: readonly SharedAccessPolicy[],
  now: number,
): void {
  const granted = header?.startsWith("SharedAccessSignature ")
    ? sasGrants(header.slice("SharedAccessSignature ".length), right, host, policies, now)
    : bearerGrants(header, [dataPlaneAudience], right, now);
  if (!granted) throw dpsErrors.unauthorized();
}

/** Whether the header carries a token for one of these audiences; `right` matters to data-plane roles only. */
export function bearerGrants(
  header: string | undefined,
  audiences: readonly string[],
  right: DpsRight | undefined,
  now: number,
): boolean {
  const [scheme, token = ""] = (header ?? "").split(" ");
  const [head = "", payload = "", signature = ""] = token.split(".");
  if (scheme?.toLowerCase() !== "bearer" || !same(signature, tokenSignature(`${head}.${payload}`))) return false;
  const claims = tokenClaims.safeParse(parseJson(Buffer.from(payload, "base64url").toString("utf8")));
  if (!claims.success || claims.data.exp * 1000 <= now) return false;
  if (!audiences.includes(claims.data.aud.replace(/\/+$/, ""))) return false;
  const { roles } = claims.data;
  if (roles === undefined || right === undefined) return true;
  if (roles.includes("Device Provisioning Service Data Contributor")) return true;
  return roles.includes("Device Provisioning Service Data Reader") && right.endsWith("Read");
}

function sasGrants(
  fields: string,
  right: DpsRight,
  host: string,
  policies: readonly SharedAccessPolicy[],
  now: number,
): boolean {
  const values = new Map(
    fields.split("&").map((field): [string, string] => {
      const at = field.indexOf("=");
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
  const [resource = "", signature = "", expiry = ""] = [values.get("sr"), values.get("sig"), values.get("se")];
  const policy = policies.find(({ name }) => name === decoded(values.get("skn") ?? ""));
  if (!policy?.rights.includes(right) || !/^\d+$/.test(expiry) || Number(expiry) * 1000 <= now) return false;
  // The resource may be any prefix of the path by segments; every request is below the host itself.
  if (decoded(resource)?.toLowerCase().split("/")[0] !== host.toLowerCase()) return false;
  const key = Buffer.from(policy.key, "base64");
  return same(decoded(signature) ?? "", createHmac("sha256", key).update(`${resource}\n${expiry}`).digest("base64"));
}

const tokenClaims = z.object({ aud: z.string(), exp: z.number(), roles: z.array(z.string()).optional() });

function tokenSignature(head: string): string {
  return createHmac("sha256", labTokenKey).update(head).digest("base64url");
}

function encode(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
