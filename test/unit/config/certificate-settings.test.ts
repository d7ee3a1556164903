import { readSettings, SettingsError, type Settings } from "../../../shared/config/settings";
import { DEFAULT_POLICY } from "../../../shared/domain/certificate/policy";
import { DEFAULT_PROFILE } from "../../../shared/domain/certificate/profile";

const base = {
  ROLLCALL_STORAGE_ACCOUNT: "contosorolls",
  ROLLCALL_DPS_HOST: "contoso.azure-devices-provisioning.net",
  ROLLCALL_DPS_RESOURCE_ID:
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/fleet/providers/Microsoft.Devices/provisioningServices/contoso",
  ROLLCALL_HUBS: "one.azure-devices.net",
  ROLLCALL_WEBHOOK_SECRETS: "0123456789abcdef",
};
const keyId = `https://contoso.vault.azure.net/keys/issuing-ca/${"0a".repeat(16)}`;
const url = "https://est.contoso.com/.well-known/est/devices";

function read(name: string, value: unknown): Settings {
  return readSettings({ ...base, [name]: JSON.stringify(value) }, (path) => `text of ${path}`);
}

function problemsOf(name: string, value: unknown): readonly string[] {
  try {
    readSettings({ ...base, [name]: typeof value === "string" ? value : JSON.stringify(value) }, () => "pem");
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe("settings about certificates", () => {
  it("need not be there", () => {
    expect(readSettings(base)).toMatchObject({
      certificatePolicy: DEFAULT_POLICY,
      issuer: undefined,
      authoritySigners: [],
      replacementsContainer: "replacements",
    });
  });

  it("change single rules of the policy", () => {
    const policy = { maxLeafDays: 365, testAuthorities: ["Lab Root"] };
    expect(read("ROLLCALL_CERTIFICATE_POLICY", policy).certificatePolicy).toEqual({ ...DEFAULT_POLICY, ...policy });
  });

  it("read the files of an issuer, and its profile over the default one", () => {
    const files = { certFile: "/ca.pem", keyFile: "/ca.key" };
    expect(read("ROLLCALL_ISSUER", { kind: "file-ca", ...files, profile: { validityHours: 24 } }).issuer).toEqual({
      kind: "file-ca",
      certificatesPem: "text of /ca.pem",
      privateKeyPem: "text of /ca.key",
      profile: { ...DEFAULT_PROFILE, validityHours: 24 },
    });
    expect(read("ROLLCALL_ISSUER", { kind: "key-vault", keyId, chainFile: "/chain.pem" }).issuer).toEqual({
      kind: "key-vault",
      keyId,
      chainPem: "text of /chain.pem",
      profile: DEFAULT_PROFILE,
    });
  });

  it("know an EST server by password or by certificate", () => {
    const byPassword = { kind: "est", url, user: "rollcall", password: "s3cret", caFile: "/est-ca.pem" };
    expect(read("ROLLCALL_ISSUER", byPassword).issuer).toMatchObject({
      url,
      caPem: "text of /est-ca.pem",
      as: { kind: "password", user: "rollcall", password: "s3cret" },
    });
    const byCertificate = { kind: "est", url, certFile: "/c.pem", keyFile: "/k.pem" };
    expect(read("ROLLCALL_ISSUER", byCertificate).issuer).toMatchObject({
      caPem: undefined,
      as: { kind: "certificate", certificatePem: "text of /c.pem", privateKeyPem: "text of /k.pem" },
    });
  });

  it("list the CAs whose possession the app can prove", () => {
    const signers = [
      { kind: "file-ca", certFile: "/a.pem", keyFile: "/a.key" },
      { kind: "key-vault", keyId, chainFile: "/b.pem" },
    ];
    expect(read("ROLLCALL_CA_SIGNERS", signers).authoritySigners.map(({ kind }) => kind)).toEqual([
      "file-ca",
      "key-vault",
    ]);
  });

  it.each<[string, unknown]>([
    ["ROLLCALL_CERTIFICATE_POLICY", "strict"],
    ["ROLLCALL_CERTIFICATE_POLICY", { minRsaBits: 512 }],
    ["ROLLCALL_CERTIFICATE_POLICY", { maxleafdays: 3 }],
    ["ROLLCALL_ISSUER", "file-ca"],
    ["ROLLCALL_ISSUER", { kind: "acme", url }],
    ["ROLLCALL_ISSUER", { kind: "file-ca", certFile: "/ca.pem" }],
    [
      "ROLLCALL_ISSUER",
      { kind: "file-ca", certFile: "a", keyFile: "b", profile: { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] } },
    ],
    ["ROLLCALL_ISSUER", { kind: "file-ca", certFile: "a", keyFile: "b", profile: { validityDays: 1 } }],
    [
      "ROLLCALL_ISSUER",
      { kind: "key-vault", keyId: "https://contoso.vault.azure.net/keys/issuing-ca", chainFile: "a" },
    ],
    ["ROLLCALL_ISSUER", { kind: "est", url: "http://est.contoso.com/.well-known/est", user: "a", password: "b" }],
    ["ROLLCALL_ISSUER", { kind: "est", url }],
    ["ROLLCALL_ISSUER", { kind: "est", url, user: "a" }],
    ["ROLLCALL_ISSUER", { kind: "est", url, user: "a", password: "b", certFile: "c", keyFile: "d" }],
    ["ROLLCALL_CA_SIGNERS", { kind: "key-vault", keyId, chainFile: "a" }],
    ["ROLLCALL_CA_SIGNERS", [{ kind: "est", url, user: "a", password: "b" }]],
    ["ROLLCALL_REPLACEMENTS_CONTAINER", "Not a container"],
    ["ROLLCALL_REPLACEMENTS_CONTAINER", "a--b"],
  ])("at fault say what to give and not what was given: %s = %j", (name, value) => {
    const [problem = "", ...more] = problemsOf(name, value);
    expect(more).toEqual([]);
    expect(problem).toMatch(new RegExp(`^${name}: (leave it out, or )?give `));
    expect(problem).not.toContain("contoso.com");
  });

  it("name the file that cannot be read", () => {
    const value = JSON.stringify({ kind: "file-ca", certFile: "/nowhere/ca.pem", keyFile: "/nowhere/ca.key" });
    expect(() => readSettings({ ...base, ROLLCALL_ISSUER: value })).toThrow(
      /ROLLCALL_ISSUER: its certFile cannot be read/,
    );
    expect(() => readSettings({ ...base, ROLLCALL_CA_SIGNERS: `[${value}]` })).toThrow(
      /ROLLCALL_CA_SIGNERS: its certFile cannot be read/,
    );
  });
});
