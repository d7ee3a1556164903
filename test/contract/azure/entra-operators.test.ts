import { startEntra, type Entra } from "../../../lab/entra/server";
import { EntraOperators } from "../../../shared/adapters/entra/entra-operators";
import { systemClock } from "../../../shared/adapters/x509/system-clock";

let entra: Entra;
beforeAll(async () => {
  entra = await startEntra();
});
afterAll(() => entra.stop());

const ada = { name: "Ada", oid: "oid-ada", roles: ["Rollcall.Operator", "Rollcall.Approver"] } as const;

function operators(o: { audience?: string; easyAuth?: boolean; jwksUrl?: string } = {}): EntraOperators {
  const { issuer, audience, jwksUrl } = entra;
  return new EntraOperators({ issuer, audience, jwksUrl, easyAuth: false, ...o }, systemClock);
}

const bearer = (token: string): { authorization: string; clientPrincipal: undefined } => ({
  authorization: `Bearer ${token}`,
  clientPrincipal: undefined,
});

describe("people of a directory", () => {
  it("are who the token says, with their roles", async () => {
    expect(await operators().identify(bearer(entra.token(ada)))).toEqual({
      kind: "person",
      id: "oid-ada",
      name: "Ada",
      roles: ["operator", "approver"],
    });
  });

  it("are still known after the directory has changed its key", async () => {
    const people = operators();
    expect(await people.identify(bearer(entra.token(ada)))).toBeDefined();
    entra.rotateKey();
    // The published keys are read again at most every five seconds.
    expect(await operators().identify(bearer(entra.token(ada)))).toBeDefined();
  });

  it.each<[string, () => string]>([
    ["a token that is over", () => entra.token(ada, { expiresInMs: -120_000 })],
    ["another app's token", () => entra.token(ada, { audience: "api://another" })],
    ["another directory's token", () => entra.token(ada, { issuer: "https://login.example/else/v2.0" })],
    [
      "a changed token",
      () =>
        entra
          .token(ada)
          .replace(/\.(.)([^.]*)$/, (_all, first, rest) => `.${first === "A" ? "B" : "A"}${String(rest)}`),
    ],
    [
      "an unsigned token",
      () => {
        const [, payload] = entra.token(ada).split(".");
        const head = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
        return `${head}.${payload ?? ""}.`;
      },
    ],
    ["no token at all", () => "x".repeat(40)],
  ])("%s vouches for nobody", async (_what, token) => {
    expect(await operators().identify(bearer(token()))).toBeUndefined();
  });

  it("are not taken from a header that anybody can send, unless App Service stands before the app", async () => {
    const claims = [
      { typ: "http://schemas.microsoft.com/identity/claims/objectidentifier", val: "oid-eve" },
      { typ: "roles", val: "Rollcall.Approver" },
    ];
    const clientPrincipal = Buffer.from(JSON.stringify({ claims })).toString("base64");
    const sent = { authorization: undefined, clientPrincipal };
    expect(await operators().identify(sent)).toBeUndefined();
    expect(await operators({ easyAuth: true }).identify(sent)).toMatchObject({ id: "oid-eve", roles: ["approver"] });
    expect(await operators({ easyAuth: true }).identify({ ...sent, clientPrincipal: "bm9wZQ==" })).toBeUndefined();
  });

  it("cannot be told apart while the directory is away: that is an outage, not a refusal", async () => {
    const away = operators({ jwksUrl: "http://127.0.0.1:9/keys" });
    await expect(away.identify(bearer(entra.token(ada)))).rejects.toMatchObject({ code: "service-unavailable" });
  });
});
