import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { ApiRoute } from "../../shared/contract/api-route";
import { API_ROUTES } from "../../shared/contract/api-routes";
import { SourceCounts } from "../../shared/domain/source-counts";
import { verifyReport } from "../../verify/verify-report";
import { rollUntil, startRollLab, type RollLab } from "../support/roll-lab";

// Over real HTTP against the app in its host, after a roll. Needs `dist/`.

let lab: RollLab;
let url: string;
let rollId: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "operator-api-"));
  const keyFile = join(folder, "evidence.pem");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  lab = await startRollLab({
    devices: 2,
    breached: 2,
    settings: { ROLLCALL_EVIDENCE_KEY: JSON.stringify({ kind: "file", keyFile }) },
  });
  await lab.devices.fleet.connected();
  ({ url } = await lab.startHost());
  rollId = (await lab.product()!.postAlert(lab.alert("IR-1"))).rollId ?? "";
  await rollUntil(lab, rollId, ({ phase }) => phase === "finished", 90_000);
});
afterAll(async () => {
  await lab.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The evidence is made a moment after the roll says that it is finished. */
async function evidence(): Promise<string> {
  for (;;) {
    const response = await fetch(`${url}/api/rolls/${rollId}/evidence`);
    if (response.status === 200) return response.text();
    expect(await response.json()).toMatchObject({ code: "evidence-not-ready" });
  }
}

test("a finished roll leaves signed evidence that verifies offline, byte for byte as it was sent", async () => {
  const file = join(folder, "report.json");
  const text = await evidence();
  await writeFile(file, text);
  const printed: string[] = [];
  expect(await verifyReport([file], (line) => printed.push(line))).toBe(0);
  expect(printed.join("\n")).toMatch(/devices: 2 \(.*2 proven/);
  await writeFile(file, text.replace('"state":"proven"', '"state":"failed"'));
  expect(await verifyReport([file], () => undefined)).toBe(1);
});

test("the list of a page that is known already costs no body", async () => {
  const first = await fetch(`${url}/api/rolls/${rollId}`);
  const etag = first.headers.get("etag") ?? "";
  const second = await fetch(`${url}/api/rolls/${rollId}`, { headers: { "if-none-match": etag } });
  expect([first.status, second.status, await second.text()]).toEqual([200, 304, ""]);
});

const Sources = z.object({ sources: z.array(SourceCounts.extend({ since: z.string(), until: z.string() })) });

test("devices' messages, what their hub tells of them, and its connection logs are counted, each event once", async () => {
  const { sources } = Sources.parse(await (await fetch(`${url}/api/heartbeats/sources`)).json());
  for (const { received, applied, duplicate, stale, ignored, poison } of sources) {
    expect(received).toBe(applied + duplicate + stale + ignored + poison);
    expect(poison).toBe(0);
  }
  const logs = sources.filter(({ source }) => source.startsWith("connection-logs/"));
  expect(logs.reduce((sum, { applied }) => sum + applied, 0)).toBeGreaterThan(0);
  expect(sources.some(({ source }) => source.startsWith("lab-hub/"))).toBe(true);
});

test("the stream is read again on demand: what is known counts as known, and no facts change", async () => {
  const fleet = async (): Promise<{ readonly known: number; readonly poison: number }> => {
    const { sources } = Sources.parse(await (await fetch(`${url}/api/heartbeats/sources`)).json());
    const own = sources.filter(({ source }) => source.startsWith("lab-hub/"));
    const sum = (words: readonly ("duplicate" | "stale" | "poison")[]): number =>
      own.reduce((all, counts) => words.reduce((total, word) => total + counts[word], all), 0);
    return { known: sum(["duplicate", "stale"]), poison: sum(["poison"]) };
  };
  const before = await fleet();
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const answer = await fetch(`${url}/api/heartbeats/catch-up`, { method: "POST", body: JSON.stringify({ since }) });
  expect([answer.status, await answer.json()]).toMatchObject([202, { outcome: "started", since }]);
  while ((await fleet()).known <= before.known + 10);
  expect((await fleet()).poison).toBe(0);
});

const Problem = z.object({ code: z.string(), detail: z.string(), status: z.int() });

test.each(Object.entries<ApiRoute>(API_ROUTES).filter(([, { method }]) => method === "GET"))(
  "%s answers what the OpenAPI document says, and a query that it does not know never with a 500",
  async (_name, route) => {
    await evidence();
    const path = route.path.replace("{rollId}", rollId).replace(/\{\w+\}/g, "pump-001");
    for (const query of ["", "?limit=%00&after=../..&state='"]) {
      const response = await fetch(`${url}/api/${path}${query}`);
      const answer = route.answers[response.status];
      if (answer === undefined) {
        expect(response.headers.get("content-type")).toContain("application/problem+json");
        const problem = Problem.parse(await response.json());
        expect(problem.status).toBe(response.status);
        expect(problem.status).toBeLessThan(500);
      } else if (typeof answer !== "string") {
        answer.parse(await response.json());
      }
    }
  },
);
