import { createRemoteJWKSet, jwtVerify, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { Principal, Role } from "../../domain/operator";
import { RollError } from "../../domain/roll-error";
import type { Clock } from "../../ports/clock";
import type { Caller, Callers, Credentials, Operators } from "../../ports/operators";

/** The app registration that tokens are made for. */
export interface EntraSettings {
  /** As in the tokens' `iss`, such as `https://login.microsoftonline.com/<tenant>/v2.0`. */
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUrl: string;
  /** Believe `x-ms-client-principal`: only behind App Service authentication, which strips it from requests. */
  readonly easyAuth: boolean;
}

const ROLES: Readonly<Record<string, Role>> = {
  "Rollcall.Reader": "reader",
  "Rollcall.Operator": "operator",
  "Rollcall.Approver": "approver",
};

const Claims = z.object({
  oid: z.string().min(1).max(100),
  name: z.string().max(150).optional(),
  preferred_username: z.string().max(150).optional(),
  roles: z.array(z.string()).max(100).default([]),
});

/** Version 2.0 tokens say `azp`, version 1.0 tokens `appid`. */
const CallerClaims = z.object({
  azp: z.string().max(100).optional(),
  appid: z.string().max(100).optional(),
  roles: z.array(z.string()).max(100).default([]),
});

/** What App Service writes into `x-ms-client-principal`, base64. */
const ClientPrincipal = z.object({ claims: z.array(z.object({ typ: z.string(), val: z.string() })).max(1_000) });
const OID_CLAIM = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const ROLE_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

const CLOCK_TOLERANCE_S = 60;

/**
 * Persons of a Microsoft Entra directory: access tokens (RS256) checked against the directory's published keys, or the
 * principal that App Service has checked already. Keys are fetched when needed and kept ten minutes.
 */
export class EntraOperators implements Operators, Callers {
  private readonly keys: JWTVerifyGetKey;

  constructor(
    private readonly settings: EntraSettings,
    private readonly clock: Clock,
  ) {
    this.keys = createRemoteJWKSet(new URL(settings.jwksUrl), { timeoutDuration: 5_000, cooldownDuration: 5_000 });
  }

  async caller({ authorization }: Credentials): Promise<Caller | undefined> {
    const token = bearer(authorization);
    const claims = CallerClaims.safeParse(token === undefined ? undefined : await this.claimsOf(token));
    if (!claims.success) return undefined;
    const { azp, appid, roles } = claims.data;
    return { appId: azp ?? appid, roles };
  }

  async identify({ authorization, clientPrincipal }: Credentials): Promise<Principal | undefined> {
    if (this.settings.easyAuth && clientPrincipal !== undefined) return fromClientPrincipal(clientPrincipal);
    const token = bearer(authorization);
    return token === undefined ? undefined : toPrincipal(await this.claimsOf(token));
  }

  /** What a good token says; undefined for every other. */
  private async claimsOf(token: string): Promise<unknown> {
    const { issuer, audience } = this.settings;
    try {
      const { payload } = await jwtVerify(token, this.keys, {
        issuer,
        audience,
        algorithms: ["RS256"],
        requiredClaims: ["exp"],
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(this.clock.now()),
      });
      return payload;
    } catch (error) {
      // Whatever is wrong with the token is the sender's affair; keys that cannot be fetched are not.
      if (isTokenFault(error)) return undefined;
      throw new RollError("service-unavailable", "the directory's keys could not be read", true, { cause: error });
    }
  }
}

function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer ([A-Za-z0-9._-]{20,16000})$/i.exec(authorization ?? "")?.[1];
}

function fromClientPrincipal(header: string): Principal | undefined {
  const parsed = ClientPrincipal.safeParse(readJson(Buffer.from(header, "base64").toString("utf8")));
  if (!parsed.success) return undefined;
  const all = (...types: readonly string[]): string[] =>
    parsed.data.claims.filter(({ typ }) => types.includes(typ)).map(({ val }) => val);
  const [oid] = all("oid", OID_CLAIM);
  const [name] = all("name");
  return toPrincipal({ oid, name, roles: all("roles", ROLE_CLAIM) });
}

function toPrincipal(claims: unknown): Principal | undefined {
  const { data } = Claims.safeParse(claims);
  if (data === undefined) return undefined;
  const roles = data.roles.flatMap((role) => ROLES[role] ?? []);
  return { kind: "person", id: data.oid, name: data.name ?? data.preferred_username ?? data.oid, roles };
}

function isTokenFault(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return (
    code.startsWith("ERR_JWT") ||
    code.startsWith("ERR_JWS") ||
    code === "ERR_JWKS_NO_MATCHING_KEY" ||
    code === "ERR_JOSE_ALG_NOT_ALLOWED"
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
