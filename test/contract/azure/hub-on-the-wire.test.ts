import { DeviceId, Etag } from "../../../shared/domain/ids";
import type { IdentityWrite } from "../../../shared/ports/hubs";
import { startScriptedAzure, type ScriptedAzure } from "../../support/scripted-azure";

const id = (text: string): DeviceId => DeviceId.parse(text);
const [one, two] = ["A".repeat(64), "B".repeat(64)] as const;
/** As Microsoft's REST reference shows a twin. */
const twin = {
  deviceId: "Pump#1",
  etag: "AAAAAAAAAAc=",
  deviceEtag: "NTEwOTM0NjY0",
  status: "enabled",
  statusUpdateTime: "0001-01-01T00:00:00Z",
  connectionState: "Disconnected",
  lastActivityTime: "0001-01-01T00:00:00Z",
  cloudToDeviceMessageCount: 0,
  authenticationType: "selfSigned",
  x509Thumbprint: { primaryThumbprint: one.toLowerCase(), secondaryThumbprint: null },
  modelId: "",
  version: 2,
  tags: {},
  properties: { desired: { $version: 1 }, reported: { $version: 1 } },
  capabilities: { iotEdge: false },
};
const write = (deviceId: string, statusReason?: string): IdentityWrite => ({
  deviceId: id(deviceId),
  etag: Etag.parse("MTA="),
  status: "disabled",
  statusReason,
  primaryThumbprint: one,
  secondaryThumbprint: two,
  iotEdge: true,
});
/** The error envelopes of IoT Hub. */
const form1 = (code: string, text = "because") => ({
  Message: `ErrorCode:${code};${text}`,
  ExceptionMessage: "Tracking ID:t-1",
});
const form2 = (errorCode: number, message = "because") => ({ errorCode, message, trackingId: "t-2", timestampUtc: "" });
const form3 = (errorCode: number, message?: string) => ({
  Message: JSON.stringify(form2(errorCode, message)),
  ExceptionMessage: "",
});

describe("the hub adapter on the wire", () => {
  let azure: ScriptedAzure;
  beforeAll(async () => {
    azure = await startScriptedAzure();
  });
  afterAll(() => azure.stop());
  beforeEach(() => void azure.service.seen.splice(0));

  describe("reading an identity", () => {
    it("takes the identity's version, not the twin's, and thumbprints in upper case", async () => {
      azure.service.answer({ status: 200, body: twin });
      expect(await azure.hub.readIdentity(id("Pump#1"))).toEqual({
        outcome: "found",
        identity: {
          deviceId: "Pump#1",
          etag: "NTEwOTM0NjY0",
          status: "enabled",
          authentication: "selfSigned",
          primaryThumbprint: one,
          secondaryThumbprint: undefined,
          iotEdge: false,
        },
      });
      expect(azure.service.seen).toMatchObject([{ method: "GET", path: "/twins/Pump%231?api-version=2021-04-12" }]);
    });

    it("reads a device with keys, which has no thumbprints", async () => {
      azure.service.answer({ status: 200, body: { ...twin, authenticationType: "sas", x509Thumbprint: null } });
      expect(await azure.hub.readIdentity(id("Pump#1"))).toMatchObject({
        identity: { authentication: "sas", primaryThumbprint: undefined },
      });
    });

    it.each([
      [true, { capabilities: { iotEdge: true } }],
      [false, { capabilities: null }],
      [false, { capabilities: undefined }],
    ])("knows an IoT Edge device (%s)", async (iotEdge, changes) => {
      azure.service.answer({ status: 200, body: { ...twin, ...changes } });
      expect(await azure.hub.readIdentity(id("Pump#1"))).toMatchObject({ identity: { iotEdge } });
    });

    it.each([
      ["by name in the body", { status: 404, body: form1("DeviceNotFound") }],
      ["by number in the body", { status: 404, body: form2(404001) }],
      ["by number inside the message", { status: 404, body: form3(404001) }],
      ["by header", { status: 404, body: {}, headers: { "iothub-errorcode": "DeviceNotFound" } }],
    ])("is missing when the hub says so %s", async (_how, script) => {
      azure.service.answer(script);
      expect(await azure.hub.readIdentity(id("Pump#1"))).toEqual({ outcome: "missing" });
    });

    it.each([
      ["another device's twin", { status: 200, body: { ...twin, deviceId: "pump#1" } }, "service-answer-unreadable"],
      [
        "a twin without the identity's version",
        { status: 200, body: { ...twin, deviceEtag: undefined } },
        "service-answer-unreadable",
      ],
      ["a status nobody knows", { status: 200, body: { ...twin, status: "paused" } }, "service-answer-unreadable"],
      ["a 404 about the hub", { status: 404, body: form1("IotHubNotFound") }, "service-answer-unreadable"],
      ["a gateway's 404", { status: 404, text: "<html>" }, "service-answer-unreadable"],
      ["throttling", { status: 429, body: form1("ThrottlingBacklogTimeout") }, "service-throttled"],
      ["a spent quota", { status: 403, body: form1("IotHubQuotaExceeded") }, "service-throttled"],
      ["a missing right", { status: 401, body: form1("IotHubUnauthorizedAccess") }, "service-denied-us"],
      ["an outage", { status: 503, body: form1("ServiceUnavailable") }, "service-unavailable"],
    ])("throws on %s", async (_what, script, code) => {
      azure.service.answer(script);
      await expect(azure.hub.readIdentity(id("Pump#1"))).rejects.toMatchObject({ name: "RollError", code });
    });

    it("passes on how long the hub wants to be left alone", async () => {
      const text = "The request has been throttled. Wait 10 seconds and try again. Operation type: RegistryRead";
      azure.service.answer({ status: 429, body: form1("ThrottlingBacklogTimeout", text) });
      await expect(azure.hub.readIdentity(id("Pump#1"))).rejects.toMatchObject({
        retryable: true,
        retryAfterMs: 10_000,
      });
    });
  });

  describe("writing identities", () => {
    it("sends ETag, status, capabilities and all of the authentication for each, in one guarded call", async () => {
      azure.service.answer({ status: 200, body: { isSuccessful: true, errors: [], warnings: [] } });
      const outcomes = await azure.hub.writeIdentities([write("a", "roll 1"), write("b")]);
      expect([...outcomes]).toEqual([
        ["a", { outcome: "written" }],
        ["b", { outcome: "written" }],
      ]);
      const item = {
        etag: "MTA=",
        importMode: "UpdateIfMatchETag",
        status: "disabled",
        authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: one, secondaryThumbprint: two } },
        capabilities: { iotEdge: true },
      };
      expect(azure.service.seen).toMatchObject([{ method: "POST", path: "/devices?api-version=2021-04-12" }]);
      expect(azure.service.seen[0]!.body).toEqual([
        { ...item, id: "a", statusReason: "roll 1" },
        { ...item, id: "b", statusReason: null },
      ]);
    });

    it.each([200, 400])("tells the devices apart when the hub answers %i with a list of errors", async (status) => {
      const errors = [
        { deviceId: "a", errorCode: "PreconditionFailed", errorStatus: "ETag" },
        { deviceId: "b", errorCode: 412001, errorStatus: "ETag" },
        { deviceId: "c", errorCode: 400023 },
        { deviceId: "d", errorCode: "DeviceNotFound", errorStatus: "gone" },
        { deviceId: "e", errorCode: 404001 },
        { deviceId: "f", errorCode: "ThrottlingException", errorStatus: "later" },
      ];
      azure.service.answer({ status, body: { isSuccessful: false, errors } });
      const outcomes = await azure.hub.writeIdentities(["a", "b", "c", "d", "e", "f", "g"].map((name) => write(name)));
      expect([...outcomes.values()]).toEqual([
        { outcome: "precondition-failed" },
        { outcome: "precondition-failed" },
        { outcome: "precondition-failed" },
        { outcome: "missing" },
        { outcome: "missing" },
        { outcome: "failed", detail: "ThrottlingException later" },
        { outcome: "written" },
      ]);
    });

    it.each([
      ["a failure without a list", { isSuccessful: false, errors: [] }],
      ["an error that names no device", { isSuccessful: false, errors: [{ errorCode: 400004, errorStatus: "bad" }] }],
      [
        "an error about a device that was not asked for",
        { isSuccessful: false, errors: [{ deviceId: "z", errorCode: 500001 }] },
      ],
    ])("takes nothing for written after %s", async (_what, body) => {
      azure.service.answer({ status: 400, body });
      const outcomes = await azure.hub.writeIdentities([write("a"), write("b")]);
      expect([...outcomes.values()].map(({ outcome }) => outcome)).toEqual(["failed", "failed"]);
    });

    it("tells every device when the call as a whole is refused", async () => {
      azure.service.answer({ status: 400, body: form1("DeviceDefinedMultipleTimes", "twice") });
      expect([...(await azure.hub.writeIdentities([write("a"), write("b")]))]).toEqual([
        ["a", { outcome: "failed", detail: "DeviceDefinedMultipleTimes twice" }],
        ["b", { outcome: "failed", detail: "DeviceDefinedMultipleTimes twice" }],
      ]);
    });

    it.each([
      [429, form1("ThrottlingException"), "service-throttled"],
      [500, form1("ServerError"), "service-unavailable"],
      [401, form1("IotHubUnauthorizedAccess"), "service-denied-us"],
      [200, { devices: [] }, "service-answer-unreadable"],
    ])("throws when the hub answers %i and no list", async (status, body, code) => {
      azure.service.answer({ status, body });
      await expect(azure.hub.writeIdentities([write("a")])).rejects.toMatchObject({ code });
    });

    it("asks nothing for nobody, and refuses more than the hub takes", async () => {
      expect((await azure.hub.writeIdentities([])).size).toBe(0);
      const many = Array.from({ length: 101 }, (_, index) => write(`d${index}`));
      await expect(azure.hub.writeIdentities(many)).rejects.toThrow(RangeError);
      expect(azure.service.seen).toHaveLength(0);
    });
  });

  describe("calling a method", () => {
    const call = () => azure.hub.invokeMethod(id("Pump#1"), "report", { rollId: "r" });

    it("hands over status and payload", async () => {
      azure.service.answer({ status: 200, body: { status: 202, payload: { accepted: true } } });
      expect(await call()).toEqual({ outcome: "answered", status: 202, payload: { accepted: true } });
      expect(azure.service.seen).toMatchObject([
        {
          method: "POST",
          path: "/twins/Pump%231/methods?api-version=2021-04-12",
          body: {
            methodName: "report",
            payload: { rollId: "r" },
            responseTimeoutInSeconds: 5,
            connectTimeoutInSeconds: 0,
          },
        },
      ]);
    });

    it.each([
      ["is not online", 404, form3(404103, "not online")],
      ["is unknown or disabled", 404, form1("DeviceNotFound")],
      ["has too many calls already", 403, form2(403800)],
      ["cannot be given this payload", 400, form1("ArgumentInvalid")],
    ])("is unreachable when the device %s", async (_what, status, body) => {
      azure.service.answer({ status, body });
      expect(await call()).toMatchObject({ outcome: "unreachable" });
    });

    it("says why a device is unreachable", async () => {
      azure.service.answer({ status: 404, body: form3(404103, "not online") });
      expect(await call()).toEqual({ outcome: "unreachable", detail: "404103 not online (tracking id t-2)" });
    });

    it.each([
      ["the device stays silent", { status: 504, body: form3(504101) }],
      ["the hub fails", { status: 500, body: form1("ServerError") }],
      ["the hub is busy", { status: 503, body: form1("ServiceUnavailable") }],
      ["the connection breaks", { drop: true }],
    ] as const)("has no answer when %s, and does not call again", async (_what, script) => {
      azure.service.answer(script);
      expect(await call()).toMatchObject({ outcome: "no-answer", at: 1_767_225_600_000 });
      expect(azure.service.seen).toHaveLength(1);
    });

    it.each([
      [429, "service-throttled"],
      [401, "service-denied-us"],
      [403, "service-denied-us"],
    ])("throws when the hub answers %i: the device never saw the call", async (status, code) => {
      azure.service.answer({ status, body: form1("X") });
      await expect(call()).rejects.toMatchObject({ code });
      expect(azure.service.seen).toHaveLength(1);
    });
  });

  it("knows only the hubs of the settings", () => {
    expect(azure.hubs.hostNames).toEqual(["lab-hub.azure-devices.net"]);
    expect(() => azure.hubs.hub("other.azure-devices.net" as (typeof azure.hubs.hostNames)[0])).toThrow(
      /ROLLCALL_HUBS/,
    );
  });
});

describe("a hub that cannot be reached", () => {
  it("throws for a method call, which certainly never arrived", async () => {
    const azure = await startScriptedAzure();
    await azure.service.stop();
    await expect(azure.hub.invokeMethod(id("d"), "report", {})).rejects.toMatchObject({ code: "service-unavailable" });
  });

  it("has no answer from a hub that falls silent", async () => {
    const azure = await startScriptedAzure({ timeoutMs: 300 });
    azure.service.answer({ hang: "silent" });
    expect(await azure.hub.invokeMethod(id("d"), "report", {})).toMatchObject({ outcome: "no-answer" });
    await azure.stop();
  });
});
