import { createPublicKey, verify, type JsonWebKey } from "node:crypto";
import { startEntra, type Entra } from "../../../lab/entra/server";

let entra: Entra;
beforeEach(async () => (entra = await startEntra()));
afterEach(() => entra.stop());

const ada = { name: "Ada", roles: ["Rollcall.Operator", "Rollcall.Approver"] } as const;

const published = async (): Promise<(JsonWebKey & { kid: string })[]> =>
  ((await (await fetch(entra.jwksUrl)).json()) as { keys: (JsonWebKey & { kid: string })[] }).keys;

const part = (token: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString()) as Record<string, unknown>;

/** Whether one of the published keys signed it. */
const isGenuine = async (token: string): Promise<boolean> => {
  const key = (await published()).find(({ kid }) => kid === part(token, 0)["kid"]);
  if (key === undefined) return false;
  const [head = "", claims = "", signature = ""] = token.split(".");
  const publicKey = createPublicKey({ key, format: "jwk" });
  return verify("sha256", Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, "base64url"));
};

test("a token says who, with which roles, for which app, and a published key checks it", async () => {
  const token = entra.token(ada);
  expect(part(token, 0)).toMatchObject({ alg: "RS256", typ: "JWT" });
  expect(part(token, 1)).toMatchObject({ iss: entra.issuer, aud: entra.audience, name: "Ada", roles: ada.roles });
  expect(await isGenuine(token)).toBe(true);
  const [head = "", , signature = ""] = token.split(".");
  const forged = Buffer.from(JSON.stringify({ ...part(token, 1), name: "Eve" })).toString("base64url");
  expect(await isGenuine(`${head}.${forged}.${signature}`)).toBe(false);
});

test("people are told apart by their object id, which stays theirs", () => {
  const oid = (name: string): unknown => part(entra.token({ name, roles: [] }), 1)["oid"];
  expect(oid("Ada")).toMatch(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  expect(oid("Ada")).toBe(oid("Ada"));
  expect(oid("Ada")).not.toBe(oid("Eve"));
});

test("a token can be long over, and for another app or from another directory", () => {
  const claims = part(entra.token(ada, { expiresInMs: -60_000, audience: "api://other", issuer: "https://evil" }), 1);
  expect(claims["exp"]).toBeLessThan(Date.now() / 1_000 - 50);
  expect(claims).toMatchObject({ aud: "api://other", iss: "https://evil" });
});

test("after a rotation old tokens are good for as long as their key is published", async () => {
  const old = entra.token(ada);
  entra.rotateKey();
  expect(await isGenuine(old)).toBe(true);
  expect(await isGenuine(entra.token(ada))).toBe(true);
  entra.rotateKey({ keepOld: false });
  expect(await isGenuine(old)).toBe(false);
  expect(await isGenuine(entra.token(ada))).toBe(true);
});

test("the keys are found from the issuer, as OpenID clients look for them, and no private part is among them", async () => {
  const configuration = (await (await fetch(`${entra.issuer}/.well-known/openid-configuration`)).json()) as object;
  expect(configuration).toMatchObject({ issuer: entra.issuer, jwks_uri: entra.jwksUrl });
  expect(Object.keys((await published())[0] ?? {}).sort()).toEqual(["alg", "e", "kid", "kty", "n", "use"]);
  expect((await fetch(entra.jwksUrl.replace("keys", "secrets"))).status).toBe(404);
});
