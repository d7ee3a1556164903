import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decideMethod } from "../../../lab/fleet/device-methods";
import type { DeviceState } from "../../../lab/fleet/device-state";
import { deviceMethods, HeartbeatProperties, MESSAGE_TYPE, RollReport } from "../../../shared/contract/device-messages";
import { AttemptId, RollId } from "../../../shared/domain/ids";

const page = readFileSync(join(__dirname, "../../../docs/device-contract.md"), "utf8");

/** The words in backticks in the first cell of each table row, by row. */
const firstCells = [...page.matchAll(/^\| (`[^|]+`) +\|/gm)].map(([, cell = ""]) => words(cell));

function words(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

function rowOf(method: string): string[] {
  const line = page.split("\n").find((one) => one.startsWith(`| \`${method}\``)) ?? "";
  return words(line.split("|")[2] ?? "");
}

const methods = Object.entries(deviceMethods).map(([name, { shape }]) => [name, Object.keys(shape)] as const);

describe("docs/device-contract.md", () => {
  it.each(methods)("lists what `%s` carries, and nothing else", (name, fields) => {
    expect([...rowOf(name)].sort()).toEqual([...fields].sort());
  });

  it("explains each field of a method, a heartbeat and a report", () => {
    const told = new Set([...methods.flatMap(([, fields]) => fields), ...Object.keys(HeartbeatProperties.shape)]);
    for (const field of Object.keys(RollReport.shape)) told.add(field);
    const explained = new Set(firstCells.flat());
    expect([...told].filter((field) => !explained.has(field))).toEqual([]);
  });

  it("names no field that the schemas do not know", () => {
    const known = new Set([
      ...methods.flatMap(([name, fields]) => [name, ...fields]),
      ...Object.keys(HeartbeatProperties.shape),
      ...Object.keys(RollReport.shape),
      "csrPem",
    ]);
    expect(firstCells.flat().filter((word) => !known.has(word))).toEqual([]);
  });

  it("names the property that tells messages apart", () => {
    expect(page).toContain(`\`${MESSAGE_TYPE}\``);
  });
});

describe("the lab's device", () => {
  const all = {
    rollId: RollId.parse("20260301T000000000Z-0123abcd"),
    attemptId: AttemptId.parse("a1"),
    nonce: "0a1b",
    reason: "group-expiry: root ends in March",
    deadline: "2026-03-01T00:00:00.000Z",
    spreadSeconds: 30,
  };

  it.each([
    ["report", 202],
    ["reprovision", 202],
    ["prepareCertificate", 200],
    ["commit", 200],
  ] as const)("takes `%s` as the contract has it, each field of it", (name, status) => {
    const order = deviceMethods[name].parse(all);
    expect(decideMethod(freshState(), name, order, 0).answer.status).toBe(status);
    for (const field of Object.keys(order).filter((one) => !["reason", "deadline", "spreadSeconds"].includes(one))) {
      const { [field]: _left, ...rest } = order as Record<string, unknown>;
      const taken = decideMethod(freshState(), name, rest, 0).answer.status;
      expect([field, taken]).toEqual([field, 400]);
    }
  });
});

function freshState(): DeviceState {
  const active = { chainPem: "", privateKeyPem: "" };
  return { registrationId: "pump-001", active, attempts: {}, preparedKeys: {} };
}
