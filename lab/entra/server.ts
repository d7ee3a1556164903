import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { realClock } from "../clock";
import type { LabClock } from "../clock";

/** The app roles of Rollcall, as its app registration would define them. */
export type AppRole = "Rollcall.Reader" | "Rollcall.Operator" | "Rollcall.Approver" | "Rollcall.Trigger";

/** A person of the lab's directory. */
export interface Person {
  /** What logs and journals show. */
  readonly name: string;
  /** The object id: what a person is told apart by. Default: one that belongs to the name. */
  readonly oid?: string;
  readonly roles: readonly AppRole[];
}

export interface EntraOptions {
  /** The application id URI that tokens are made for. Default `api://rollcall`. */
  readonly audience?: string;
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number;
  readonly clock?: LabClock;
}

/** Plays Microsoft Entra ID: hands out access tokens and publishes the keys that they are checked with. */
export interface Entra {
  /** As in the tokens' `iss`. */
  readonly issuer: string;
  readonly audience: string;
  /** Where an app finds the public keys, over plain HTTP on loopback. */
  readonly jwksUrl: string;
  /** A token that lives for an hour from now, or for `expiresInMs` (negative: long over). */
  token(person: Person, options?: TokenOptions): string;
  /** From now on tokens are signed with a new key; `keepOld` (default true) leaves the old one published. */
  rotateKey(options?: { readonly keepOld?: boolean }): void;
  stop(): Promise<void>;
}

export interface TokenOptions {
  readonly expiresInMs?: number;
  /** Default: this directory's. */
  readonly issuer?: string;
  readonly audience?: string;
}

interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

const tenantId = "11111111-2222-3333-4444-555555555555";
const tokenLifeMs = 3_600_000;

/** Starts a directory on 127.0.0.1. Rejects when the port is taken. */
export async function startEntra(options: EntraOptions = {}): Promise<Entra> {
  const clock = options.clock ?? realClock;
  const audience = options.audience ?? "api://rollcall";
  let current = newKey();
  let published = [current];
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (path === `/${tenantId}/discovery/v2.0/keys`) {
      answer(response, { keys: published.map(jwk) });
      return;
    }
    if (path === `/${tenantId}/v2.0/.well-known/openid-configuration`) {
      answer(response, { issuer, jwks_uri: jwksUrl, id_token_signing_alg_values_supported: ["RS256"] });
      return;
    }
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = `${origin}/${tenantId}/v2.0`;
  const jwksUrl = `${origin}/${tenantId}/discovery/v2.0/keys`;

  return {
    issuer,
    audience,
    jwksUrl,
    token: (person, how = {}) => {
      const now = Math.floor(clock.now() / 1_000);
      const oid = person.oid ?? objectIdOf(person.name);
      return signed(current, {
        iss: how.issuer ?? issuer,
        aud: how.audience ?? audience,
        iat: now,
        nbf: now,
        exp: now + Math.floor((how.expiresInMs ?? tokenLifeMs) / 1_000),
        tid: tenantId,
        oid,
        sub: oid,
        name: person.name,
        roles: person.roles,
        ver: "2.0",
      });
    },
    rotateKey: ({ keepOld = true } = {}) => {
      current = newKey();
      published = [current, ...(keepOld ? published : [])];
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function newKey(): SigningKey {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid: randomUUID(), privateKey };
}

function jwk({ kid, privateKey }: SigningKey): object {
  return { ...createPublicKey(privateKey).export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}

/** RFC 7519, signed as RFC 7518 §3.3 says (RS256). */
function signed({ kid, privateKey }: SigningKey, claims: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const text = `${encode({ alg: "RS256", typ: "JWT", kid })}.${encode(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), privateKey).toString("base64url")}`;
}

/** The same name has the same object id in every lab. */
function objectIdOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function answer(response: ServerResponse, body: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}
