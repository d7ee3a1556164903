import { readSettings, SettingsError } from "../../../shared/config/settings";

const resourceId =
  "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/fleet/providers/Microsoft.Devices/provisioningServices/contoso";
const key = "c2VjcmV0LXNlY3JldA==";
const dps = `HostName=Contoso.azure-devices-provisioning.net;SharedAccessKeyName=owner;SharedAccessKey=${key}`;
const hub = (name: string): string => `HostName=${name};SharedAccessKeyName=iothubowner;SharedAccessKey=${key}`;

const withKeys = {
  ROLLCALL_STORAGE: "UseDevelopmentStorage=true",
  ROLLCALL_DPS_CONNECTION: dps,
  ROLLCALL_DPS_RESOURCE_ID: resourceId,
  ROLLCALL_HUB_CONNECTIONS: JSON.stringify([hub("one.azure-devices.net"), hub("two.azure-devices.net")]),
  ROLLCALL_WEBHOOK_SECRETS: "0123456789abcdef",
};
const withIdentity = {
  ROLLCALL_STORAGE_ACCOUNT: "contosorolls",
  ROLLCALL_DPS_HOST: "contoso.azure-devices-provisioning.net",
  ROLLCALL_DPS_RESOURCE_ID: resourceId,
  ROLLCALL_HUBS: "One.azure-devices.net, two.azure-devices.net",
  ROLLCALL_WEBHOOK_SECRETS: "0123456789abcdef,fedcba9876543210",
};

function problems(env: Record<string, string | undefined>): readonly string[] {
  try {
    readSettings(env, () => "pem");
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

const names = (env: Record<string, string | undefined>): string[] =>
  problems(env).map((problem) => problem.slice(0, problem.indexOf(":")));

describe("settings", () => {
  it("take keys out of connection strings, host names in lower case", () => {
    expect(readSettings(withKeys)).toMatchObject({
      storage: { kind: "connection-string", connectionString: "UseDevelopmentStorage=true" },
      dps: { kind: "sas", host: "contoso.azure-devices-provisioning.net", keyName: "owner", key },
      dpsResourceId: {
        subscriptionId: "11111111-2222-3333-4444-555555555555",
        resourceGroup: "fleet",
        name: "contoso",
      },
      hubs: [
        { kind: "sas", host: "one.azure-devices.net", keyName: "iothubowner", key },
        { kind: "sas", host: "two.azure-devices.net" },
      ],
      webhookSecrets: ["0123456789abcdef"],
      loopback: undefined,
    });
  });

  it("read the heartbeats' stream again only by a consumer group that is named for it, by key or by the app's identity", () => {
    const stream = { ROLLCALL_HEARTBEATS_HUB: "fleet", ROLLCALL_CATCH_UP_GROUP: "catch-up" };
    const named = { eventHub: "fleet", consumerGroup: "catch-up" };
    expect(
      readSettings({ ...withKeys, ROLLCALL_HEARTBEATS: "Endpoint=…", ROLLCALL_HEARTBEATS_HUB: "fleet" }).catchUp,
    ).toBe(undefined);
    expect(readSettings({ ...withKeys, ...stream, ROLLCALL_HEARTBEATS: "Endpoint=…" }).catchUp).toEqual({
      address: { kind: "connection-string", connectionString: "Endpoint=…" },
      ...named,
    });
    const namespace = { ROLLCALL_HEARTBEATS__fullyQualifiedNamespace: "contoso.servicebus.windows.net" };
    expect(readSettings({ ...withKeys, ...stream, ...namespace }).catchUp).toEqual({
      address: { kind: "identity", namespace: "contoso.servicebus.windows.net" },
      ...named,
    });
    expect(readSettings(withKeys).connectionLogs).toBe(false);
    expect(readSettings({ ...withKeys, ROLLCALL_CONNECTION_LOGS_HUB: "logs" }).connectionLogs).toBe(true);
  });

  it("name hosts alone where the app's identity is used", () => {
    expect(readSettings(withIdentity)).toMatchObject({
      storage: { kind: "identity", account: "contosorolls" },
      dps: { kind: "identity", host: "contoso.azure-devices-provisioning.net" },
      hubs: [
        { kind: "identity", host: "one.azure-devices.net" },
        { kind: "identity", host: "two.azure-devices.net" },
      ],
      webhookSecrets: ["0123456789abcdef", "fedcba9876543210"],
    });
  });

  it("fill in safe durations, also for variables that are blank", () => {
    expect(readSettings({ ...withKeys, ROLLCALL_SETTLE_MS: "  ", ROLLCALL_POLL_MS: " 500 " }).timing).toEqual({
      pulseHoldMs: 180_000,
      settleMs: 60_000,
      pollMs: 500,
      recheckMs: 300_000,
      attemptMs: 600_000,
      moveMs: 900_000,
      parkMs: 3_600_000,
      retryMs: [300_000, 3_600_000, 21_600_000],
      leaseMs: 60_000,
      sweepAgeMs: 60_000,
      deadlineHours: 168,
      callTimeoutMs: 30_000,
    });
  });

  it("take the documented quotas, and the smallest hub, for what nobody stated", () => {
    const { quotas } = readSettings({ ...withKeys, ROLLCALL_HUB_SKUS: "Two.azure-devices.net = s2x3" });
    expect(quotas.dps).toEqual({ operationsPerMinute: 1_000, registrationsPerMinute: 1_000 });
    expect(quotas.headroom).toBe(0.9);
    expect(Object.fromEntries(quotas.hubs)).toEqual({
      "one.azure-devices.net": { tier: "S1", units: 1 },
      "two.azure-devices.net": { tier: "S2", units: 3 },
    });
  });

  it("read the loopback authority and its ports", () => {
    const pins = {
      caFile: "/lab/ca.pem",
      ports: { "Management.azure.com": 4431, "one.azure-devices.net": 4432 },
      tokens: { "https://a.b": "t" },
    };
    const { loopback } = readSettings(
      { ...withKeys, ROLLCALL_LOOPBACK: JSON.stringify(pins) },
      (path) => `read ${path}`,
    );
    expect(loopback?.caPem).toBe("read /lab/ca.pem");
    expect([...(loopback?.tokens ?? [])]).toEqual([["https://a.b", "t"]]);
    expect([...(loopback?.ports ?? [])]).toEqual([
      ["management.azure.com", 4431],
      ["one.azure-devices.net", 4432],
    ]);
  });
});

describe("settings at fault", () => {
  it("are all listed at once, in the order of their names", () => {
    expect(names({ ROLLCALL_LEASE_MS: "soon", ROLLCALL_LOOPBACK: "{}" })).toEqual([
      "ROLLCALL_DPS_CONNECTION",
      "ROLLCALL_DPS_RESOURCE_ID",
      "ROLLCALL_HUB_CONNECTIONS",
      "ROLLCALL_LEASE_MS",
      "ROLLCALL_LOOPBACK",
      "ROLLCALL_STORAGE",
      "ROLLCALL_WEBHOOK_SECRETS",
    ]);
  });

  it.each(["one.azure-devices.net=S4x1", "one.azure-devices.net", "S1x1", "one.azure-devices.net=S1x0"])(
    "refuse the hub sizes %s",
    (text) => {
      expect(names({ ...withKeys, ROLLCALL_HUB_SKUS: text })).toEqual(["ROLLCALL_HUB_SKUS"]);
    },
  );

  it("refuse the size of a hub that is not linked, and the same hub twice", () => {
    expect(problems({ ...withKeys, ROLLCALL_HUB_SKUS: "three.azure-devices.net=S1x1" })).toEqual([
      "ROLLCALL_HUB_SKUS: three.azure-devices.net is none of the linked hubs; name only those",
    ]);
    const twice = "one.azure-devices.net=S1x1,ONE.azure-devices.net=S1x2";
    expect(names({ ...withKeys, ROLLCALL_HUB_SKUS: twice })).toEqual(["ROLLCALL_HUB_SKUS"]);
  });

  it("say what to do", () => {
    expect(problems({ ...withKeys, ROLLCALL_SETTLE_MS: "-1" })).toEqual([
      "ROLLCALL_SETTLE_MS: give a whole number from 0 to 3600000, or leave it out for 60000",
    ]);
    expect(problems({ ...withKeys, ROLLCALL_DPS_HOST: "x.y" })[0]).toContain("not both");
  });

  it.each([
    ["ROLLCALL_STORAGE_ACCOUNT", "Not An Account", withIdentity],
    ["ROLLCALL_DPS_CONNECTION", "HostName=a.b;SharedAccessKeyName=owner", withKeys],
    ["ROLLCALL_DPS_CONNECTION", `HostName=https://a.b;SharedAccessKeyName=o;SharedAccessKey=${key}`, withKeys],
    ["ROLLCALL_DPS_HOST", "https://contoso.azure-devices-provisioning.net/", withIdentity],
    ["ROLLCALL_DPS_RESOURCE_ID", "/subscriptions/x", withKeys],
    ["ROLLCALL_HUB_CONNECTIONS", hub("one.azure-devices.net"), withKeys],
    ["ROLLCALL_HUB_CONNECTIONS", "[]", withKeys],
    ["ROLLCALL_HUB_CONNECTIONS", JSON.stringify([hub("a.b"), "HostName=c.d"]), withKeys],
    ["ROLLCALL_HUB_CONNECTIONS", JSON.stringify([hub("a.b"), hub("A.B")]), withKeys],
    ["ROLLCALL_HUBS", "one.azure-devices.net,one.azure-devices.net", withIdentity],
    ["ROLLCALL_HUBS", "one.azure-devices.net,not a host", withIdentity],
    ["ROLLCALL_WEBHOOK_SECRETS", "short", withKeys],
    ["ROLLCALL_WEBHOOK_SECRETS", "0123456789abcdef,short", withKeys],
    ["ROLLCALL_WEBHOOK_SECRETS", "0123456789abcdef,0123456789abcdeg,0123456789abcdeh", withKeys],
    ["ROLLCALL_LOOPBACK", "{", withKeys],
    ["ROLLCALL_LOOPBACK", '{"caFile":"x","ports":{"a.b":0}}', withKeys],
    ["ROLLCALL_CALL_TIMEOUT_MS", "30s", withKeys],
    ["ROLLCALL_CALL_TIMEOUT_MS", "1e4", withKeys],
    ["ROLLCALL_DEADLINE_HOURS", "169", withKeys],
  ])("include %s = %j", (name, value, rest) => {
    expect(names({ ...rest, [name]: value })).toEqual([name]);
  });

  it("include a loopback authority that cannot be read", () => {
    const env = { ...withKeys, ROLLCALL_LOOPBACK: JSON.stringify({ caFile: "/nowhere", ports: {} }) };
    expect(() => readSettings(env)).toThrow(/ROLLCALL_LOOPBACK: its caFile cannot be read/);
  });

  it("are told without their values", () => {
    const secrets = {
      ROLLCALL_STORAGE: "AccountKey=topsecret",
      ROLLCALL_STORAGE_ACCOUNT: "topsecret!",
      ROLLCALL_DPS_CONNECTION: "HostName=a.b;SharedAccessKey=topsecret",
      ROLLCALL_HUB_CONNECTIONS: '["topsecret"]',
      ROLLCALL_WEBHOOK_SECRETS: "topsecret",
      ROLLCALL_LOOPBACK: "topsecret",
      ROLLCALL_POLL_MS: "topsecret",
    };
    expect(names(secrets)).toHaveLength(8);
    expect(problems(secrets).join()).not.toContain("topsecret");
  });
});
