import { bulkRefusal } from "../../../shared/domain/hub/bulk-refusal";
import { importLine, readExportLine, readImportError } from "../../../shared/domain/hub/import-line";
import { DeviceId, Etag } from "../../../shared/domain/ids";

const [one, two] = ["A".repeat(64), "B".repeat(64)] as const;
const identity = {
  deviceId: DeviceId.parse("Pump#1's"),
  etag: Etag.parse("MTA="),
  status: "disabled",
  statusReason: "contained",
  primaryThumbprint: one,
  secondaryThumbprint: two,
  iotEdge: true,
} as const;

describe("a line of an import", () => {
  it("is guarded by the ETag and carries the whole identity", () => {
    expect(JSON.parse(importLine(identity))).toEqual({
      id: "Pump#1's",
      eTag: "MTA=",
      importMode: "updateIfMatchETag",
      status: "disabled",
      statusReason: "contained",
      authentication: { type: "selfSigned", x509Thumbprint: { primaryThumbprint: one, secondaryThumbprint: two } },
      capabilities: { iotEdge: true },
    });
  });

  it("clears what is not given, instead of leaving it out", () => {
    const line = importLine({ ...identity, statusReason: undefined, secondaryThumbprint: undefined });
    expect(JSON.parse(line)).toMatchObject({
      statusReason: null,
      authentication: { x509Thumbprint: { secondaryThumbprint: null } },
    });
  });

  it("is one line, whatever it says", () => {
    expect(importLine({ ...identity, statusReason: "a\nb\u2028c" })).not.toContain("\n");
  });
});

describe("a line of an export", () => {
  const line = {
    id: "dev-1",
    eTag: "MTA=",
    status: "enabled",
    authentication: {
      symmetricKey: { primaryKey: null, secondaryKey: null },
      x509Thumbprint: { primaryThumbprint: one.toLowerCase(), secondaryThumbprint: "" },
      type: "selfSigned",
    },
    twinETag: "AAAAAAAAAAE=",
    tags: {},
    properties: {},
  };
  const read = (more: object) => readExportLine(JSON.stringify({ ...line, ...more }));

  it("is read as documented", () => {
    expect(read({})).toEqual({
      deviceId: "dev-1",
      moduleId: undefined,
      etag: "MTA=",
      status: "enabled",
      authentication: "selfSigned",
      primaryThumbprint: one,
      secondaryThumbprint: undefined,
      iotEdge: false,
    });
    expect(read({ moduleId: "camera", capabilities: { iotEdge: true } })).toMatchObject({
      moduleId: "camera",
      iotEdge: true,
    });
  });

  it.each([
    ["without an id", { id: undefined }],
    ["without a version", { eTag: undefined }],
    ["without its authentication", { authentication: undefined }],
    ["with an unknown authentication", { authentication: { type: "magic" } }],
  ])("is not read %s", (_what, more) => {
    expect(read(more)).toBeUndefined();
  });

  it("is not read if it is no JSON", () => {
    expect(readExportLine("{")).toBeUndefined();
    expect(readExportLine("")).toBeUndefined();
  });
});

describe("a refusal in bulk", () => {
  it.each([
    [412001, "precondition-failed"],
    ["PreconditionFailed", "precondition-failed"],
    [400023, "precondition-failed"],
    ["404001", "missing"],
    ["DeviceNotFound", "missing"],
    [409001, "exists"],
    ["DeviceAlreadyExists", "exists"],
    [404002, "other"],
    [429001, "other"],
    [undefined, "other"],
  ] as const)("%s means %s", (code, meaning) => {
    expect(bulkRefusal(code)).toBe(meaning);
  });

  it("is read from an import's log", () => {
    const line = { deviceId: "dev-1", errorCode: 412001, errorStatus: "x".repeat(400), operation: "updateIfMatchETag" };
    const read = readImportError(JSON.stringify(line));
    expect(read).toMatchObject({ deviceId: "dev-1", refusal: "precondition-failed" });
    expect(read?.detail).toHaveLength(300);
    expect(readImportError(JSON.stringify({ line: "{", errorStatus: "invalid" }))).toBeUndefined();
    expect(readImportError("no JSON")).toBeUndefined();
  });
});
