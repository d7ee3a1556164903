import fc from "fast-check";
import { generateKeyPairSync } from "node:crypto";
import { fileKey } from "../../../shared/adapters/evidence/evidence-key";
import { RollError } from "../../../shared/domain/roll-error";
import type { EvidenceKey } from "../../../shared/ports/evidence";
import { rollId } from "../../support/builders";
import { judge, privateKeyPem, ReportBed, textOf } from "./report-bed";

let bed: ReportBed;
let text: string;
beforeAll(async () => {
  bed = new ReportBed();
  text = await bed.finished();
});

const inserted = (lines: readonly string[], at: number, line: string): string[] => [
  ...lines.slice(0, at),
  line,
  ...lines.slice(at),
];

interface Report {
  readonly lines: readonly Record<string, unknown>[];
  readonly seal: Record<string, unknown>;
}

describe("a roll's report", () => {
  it("is JSON, sound, and says what became of every device", async () => {
    const { lines, seal } = JSON.parse(text) as Report;
    expect(judge(text)).toMatchObject({ outcome: "sound", signer: { algorithm: "ES256" } });
    expect(seal).toMatchObject({ rollId, outcome: "partial", devices: 3, counts: { proven: 1, "await-self-heal": 2 } });
    const devices = lines.filter(({ kind }) => kind === "device");
    expect(devices.map(({ registrationId }) => registrationId)).toEqual(["pump-1", "pump-2", "pump-3"]);
    expect(devices[0]).toMatchObject({ state: "proven", proof: { attemptId: "a1" } });
    expect(devices.every(({ exposedMs }) => Number(exposedMs) > 0)).toBe(true);
    const [bad] = (await bed.batches.read(rollId, 0)).rows[1]?.bad ?? [];
    expect(devices.map(({ refused }) => refused)).toEqual([
      undefined,
      { hub: "lab-hub", at: expect.stringMatching(/Z$/) as string, code: "401003", sha256Thumbprint: bad },
      undefined,
    ]);
    const roll = { maxMs: Math.max(...devices.map(({ exposedMs }) => Number(exposedMs))) };
    expect(seal["exposure"]).toMatchObject(roll);
  });

  it("holds every entry of the journal with before and after, linked in order", async () => {
    const { lines, seal } = JSON.parse(text) as Report;
    const steps = lines.filter(({ kind }) => kind === "step");
    const journal = await bed.batches.readJournal(rollId, 0);
    expect(steps.map(({ step, stage }) => `${String(step)} ${String(stage)}`)).toEqual(
      journal.map(({ step, kind }) => `${step} ${kind}`),
    );
    expect(steps.map(({ devices }) => devices)).toEqual(journal.map(({ entries }) => entries));
    expect(seal["journal"]).toBe(journal.length);
    expect(seal["chainHead"]).toBe(steps.at(-1)?.["chain"]);
  });

  it("holds no certificate and no key, neither of a device nor its own", () => {
    expect(text).not.toMatch(/BEGIN (?!PUBLIC KEY)/);
    expect(text).not.toContain(privateKeyPem.split("\n")[1]!);
  });

  it("is detected when any byte of it is another one", () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at]! + by) % 256;
        expect(judge(changed.toString("utf8")).outcome).toBe("fault");
      }),
      { numRuns: 600 },
    );
  });

  it("is detected when a piece of it is gone, doubled or moved", () => {
    const lines = text.split("\n");
    fc.assert(
      fc.property(fc.nat(lines.length - 2), fc.nat(lines.length - 2), (from, to) => {
        fc.pre(from !== to);
        const gone = lines.filter((_, n) => n !== from);
        const moved = inserted(gone, to, lines[from]!);
        for (const changed of [gone, moved, inserted(lines, to, lines[from]!)])
          expect(judge(changed.join("\n")).outcome).toBe("fault");
      }),
      { numRuns: 60 },
    );
    fc.assert(fc.property(fc.nat(text.length - 1), (end) => judge(text.slice(0, end)).outcome === "fault"));
  });

  it("is detected when it says less, and everything else is made to fit but the signature", () => {
    const report = JSON.parse(text) as Report;
    const other = text.replace(/"outcome":"partial"/, '"outcome":"completed"');
    expect(report.seal["outcome"]).toBe("partial");
    expect(judge(other)).toMatchObject({ outcome: "fault", fault: { check: "signature" } });
  });

  it.each<[string, (text: string) => string, string]>([
    ["a device", (report) => report.replace('"state":"proven"', '"state":"skipped"'), "totals"],
    ["a number", (report) => report.replace('"broken":0', '"broken":1'), "merkle-root"],
    ["an entry of the journal", (report) => report.replace('"action":"', '"action":"x'), "chain"],
    ["white space", (report) => report.replace('"kind":', '"kind": '), "form"],
    ["the end", (report) => `${report}\n`, "layout"],
  ])("names the first thing that does not fit: %s", (_what, change, check) => {
    expect(judge(change(text))).toMatchObject({ outcome: "fault", fault: { check } });
  });

  it("is signed by the key, and by no other one under its name", () => {
    const other = fileKey(
      generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    );
    const own = fileKey(privateKeyPem).signer.publicKeyPem;
    const swapped = text.replace(JSON.stringify(own), JSON.stringify(other.signer.publicKeyPem));
    expect(swapped).not.toBe(text);
    expect(judge(swapped)).toMatchObject({ fault: { check: "signature" } });
  });
});

describe("making the report", () => {
  it("twice, or again when the batches have moved on, changes nothing", async () => {
    const again = new ReportBed();
    const first = await again.finished();
    again.clock.pass(5_000);
    const out = await again.batches.checkOut(rollId, 0, "later");
    if (out.outcome === "busy") throw new Error("leased");
    const row = (await again.batches.read(rollId, 0)).rows[1]!;
    await out.batch.settle(undefined, [{ ...row, warnings: ["later"] }]);
    expect(await again.write()).toBe(2);
    expect(await again.seal(2)).toBe(true);
    expect(textOf(await again.read())).toBe(first);
  });

  it("is left unsigned where no key is configured, and says so", async () => {
    const unsigned = await new ReportBed().finished({ signed: false });
    expect(judge(unsigned)).toMatchObject({ outcome: "sound", signer: undefined });
  });

  it("waits for no key that is away: the report is signed when it is fetched", async () => {
    const away: EvidenceKey = {
      signer: fileKey(privateKeyPem).signer,
      sign: () => Promise.reject(new RollError("service-denied-us", "Key Vault refuses", false)),
    };
    const late = new ReportBed();
    await late.open(late.device("pump-1"));
    await late.contain();
    await late.steps.closeRoll({ rollId });
    const pages = Number(await late.write());
    expect(await late.seal(pages, away)).toBe(false);
    expect(await late.read(null, away)).toMatchObject({ status: 503, code: "signer-unavailable" });
    const signed = textOf(await late.read(null, fileKey(privateKeyPem)));
    expect(judge(signed)).toMatchObject({ outcome: "sound", signer: { algorithm: "ES256" } });
    expect(textOf(await late.read(null, away))).toBe(signed);
  });

  it("lists devices that may still be open to their old credential, with the reason", async () => {
    const open = new ReportBed();
    await open.open(open.device("pump-1"));
    await open.steps.closeRoll({ rollId });
    await open.seal(Number(await open.write()));
    const { lines, seal } = JSON.parse(textOf(await open.read())) as Report;
    expect(seal["exposed"]).toBe(1);
    expect(lines.at(-1)).toMatchObject({ registrationId: "pump-1", exposed: "not contained" });
  });

  it("ends with a code where a batch cannot be read back", async () => {
    const broken = new ReportBed();
    await broken.open(broken.device("pump-1"));
    broken.batches.find = () => Promise.reject(new RollError("store-corrupt", "gone", false));
    expect(await broken.write()).toBe("store-corrupt");
  });
});

describe("fetching the report", () => {
  it("in parts gives the same text", async () => {
    const parts = await Promise.all(["0", "1", "2"].map(async (part) => textOf(await bed.read(part))));
    expect(parts.join("")).toBe(text);
  });

  it.each(["3", "-1", "1.5", "x", "9999999"])("refuses part %s", async (part) => {
    expect(await bed.read(part)).toMatchObject({ status: 400, code: "invalid-cursor" });
  });

  it("waits for the roll to finish, and tells when there never will be one", async () => {
    const early = new ReportBed();
    await early.open(early.device("pump-1"));
    expect(await early.read()).toMatchObject({ status: 409, code: "evidence-not-ready" });
    await early.steps.closeRoll({ rollId });
    expect(await early.read()).toMatchObject({ status: 409, code: "evidence-not-ready" });
    await early.steps.releaseClaims({ rollId, from: 0 });
    expect(await early.read()).toMatchObject({ status: 404, code: "evidence-missing" });
  });
});
