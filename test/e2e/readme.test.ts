import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import type { ApiRoute } from "../../shared/contract/api-route";
import { API_ROUTES } from "../../shared/contract/api-routes";
import { repository, Workplace, type LabProcess } from "../lab/cli/lab-process";
import { paste, routeOf, type Paste } from "../support/pasted";

// What README.md and docs/operating.md tell a reader to paste is pasted, against the lab that `npm start` brings up; then the
// same app is asked badly. Needs `dist/`.

const patienceMs = 400_000;

let place: Workplace;
let lab: LabProcess;
let pasted: Paste;
/** What `. .rollcall/app.env` sets. */
let variables: Readonly<Record<string, string>>;
const notices: { readonly type: string; readonly signed: boolean }[] = [];
let inbox: Server;

beforeAll(async () => {
  place = await Workplace.open();
  inbox = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { type } = JSON.parse(body) as { type: string };
      notices.push({ type, signed: request.headers["x-roll-signature"] !== undefined });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((listening) => inbox.listen(0, "127.0.0.1", listening));
  lab = await place.start({ ROLLCALL_NOTIFY: await notify((inbox.address() as AddressInfo).port) });
  const env = await readFile(join(place.folder, ".rollcall/app.env"), "utf8");
  variables = Object.fromEntries(
    [...env.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  // The first blocks install and test; the last are another lab's, and have a test of their own.
  pasted = await paste(
    place,
    ["README.md", "docs/operating.md"],
    ({ text, heading }) => !text.startsWith("npm c") && heading !== "The lab alone",
  );
}, patienceMs);

afterAll(async () => {
  await place.close();
  inbox.close();
}, patienceMs);

/** The page's own setting, with a port that is free here. */
async function notify(port: number): Promise<string> {
  const page = await readFile(join(repository, "docs/operating.md"), "utf8");
  const [, json = ""] = /```json\n(\[[\s\S]*?)```/.exec(page) ?? [];
  return json.replace(":7080", `:${String(port)}`).trim();
}

test("every command works as it stands", () => {
  expect(pasted.requests.filter(({ status }) => status >= 400)).toEqual([]);
  expect({ code: pasted.code, last: [...pasted.printed.values()].at(-1) }).toMatchObject({ code: 0 });
});

test("every endpoint has a command", () => {
  const shown = new Set(pasted.requests.map(routeOf));
  const missing = Object.keys(API_ROUTES).filter((name) => !shown.has(name as keyof typeof API_ROUTES));
  // Days after an order for a CA whose key is elsewhere, with a certificate that somebody else has signed.
  expect(missing).toEqual(["submitPossession"]);
});

test.each<[string, readonly (string | RegExp)[]]>([
  ["Look at a roll", ['"outcome":"completed"', '"counts":{"proven":25}', /^SOUND/m, /devices: 25 \(25 proven\)/]],
  [
    "Report a breach",
    ['"duplicate":false', '"id":"IR-1183","outcome":"accepted"', /"id":"IR-1182".*"outcome":"started"/],
  ],
  [
    "Order a roll, approve it, steer it",
    [
      '"dryRun":true',
      /"registrationId":"valve-004","state":"skipped"/,
      '"desired":"paused"',
      '"desired":"aborted"',
      /"phase":"finished".*"counts":\{"retired":1,"skipped":1\}/,
    ],
  ],
  ["Certificates that run out", ['"level":"leaf"', '"certain":1', '"version":1', /"noted":[1-9]/, '"devices":[]']],
  ["Who was heard, and when", ['"devices":[]', '"received"']],
  ["Identities of a hub", ['"site":"pier 4"', '"statusReason":"in repair"', '"status":"enabled"', "crane-2"]],
  ["What keeps a device out", ['"kind":"deny"', '"by":"Anna Approver"']],
  ["The app itself", ['"status":"ok"', '"ready":true']],
  [
    "Alerts of others",
    [
      "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
      ...["4", "5", "6", "7"].map((n) => new RegExp(`IR-118${n}.*"outcome":"accepted"`)),
    ],
  ],
  ["How long things are kept", ['"purge":"started"', '"purgedAt"', /^SOUND/m]],
])("%s: the answers are those that the text promises", (heading, expected) => {
  const text = pasted.printed.get(heading) ?? "";
  for (const part of expected) {
    if (typeof part === "string") expect(text).toContain(part);
    else expect(text).toMatch(part);
  }
});

test("every answer has the status, the content type and exactly the fields that /api/openapi.json says", () => {
  for (const { method, path, status, contentType, body } of pasted.requests) {
    const name = routeOf({ method, path });
    if (name === undefined) continue;
    const answer = (API_ROUTES as Readonly<Record<string, ApiRoute>>)[name]?.answers[status];
    const what = { name, status, contentType };
    if (answer === undefined || answer === "empty") expect({ ...what, body }).toEqual({ ...what, body: "" });
    else if (answer === "text/csv") expect(contentType).toBe("text/csv; charset=utf-8");
    else {
      expect(what).toEqual({ ...what, contentType: "application/json" });
      const json: unknown = JSON.parse(body);
      // A field that is not in the schema would be gone.
      expect({ name, json: answer.parse(json) }).toEqual({ name, json });
    }
  }
});

interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

async function ask(route: ApiRoute, as: string | undefined, init: RequestInit = {}, query = ""): Promise<Answer> {
  const path = route.path.replace("{rollId}", variables["ROLL"] ?? "").replace(/\{\w+\}/g, "valve-001");
  const authorization = as === undefined ? {} : { authorization: `Bearer ${variables[as] ?? ""}` };
  const response = await fetch(`${variables["APP"] ?? ""}/api/${path}${query}`, {
    ...{ method: route.method, ...init },
    headers: { ...authorization, ...(init.headers as Record<string, string> | undefined) },
  });
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    text: await response.text(),
  };
}

const Problem = z.strictObject({
  ...{ type: z.string(), title: z.string(), status: z.int(), code: z.string(), detail: z.string().min(10) },
  issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
});

function problemOf({ status, contentType, text }: Answer): z.infer<typeof Problem> {
  expect({ status, contentType, text }).toMatchObject({ contentType: "application/problem+json" });
  const problem = Problem.parse(JSON.parse(text));
  expect(problem).toMatchObject({ status, type: `urn:rollcall:problem:${problem.code}` });
  return problem;
}

const routes = Object.entries<ApiRoute>(API_ROUTES);
const guarded = routes.filter(([, { who }]) => who !== "anyone");

test.each(guarded)("%s lets nobody in without a name, nor with somebody else's token", async (_name, route) => {
  const expected = route.who === "signed" ? "signature-missing" : "sign-in-needed";
  expect(problemOf(await ask(route, undefined))).toMatchObject({ status: 401, code: expected });
  const forged = { headers: { authorization: `Bearer ${(variables["ANNA"] ?? "").slice(0, -8)}AAAAAAAA` } };
  expect(problemOf(await ask(route, undefined, forged))).toMatchObject({ status: 401, code: expected });
  if (route.who !== "signed" && route.who !== "service")
    expect(problemOf(await ask(route, "SOC"))).toMatchObject({ status: 403, code: "role-missing" });
  if (route.who === "approver")
    expect(problemOf(await ask(route, "OLGA"))).toMatchObject({ status: 403, code: "role-missing" });
});

test("accepting and skipping a device are an approver's, trying again an operator's", async () => {
  const { directDevice } = API_ROUTES;
  for (const verb of ["accept", "skip"]) {
    const route = { ...directDevice, path: directDevice.path.replace("{verb}", verb) };
    expect(problemOf(await ask(route, "OLGA"))).toMatchObject({ status: 403, code: "role-missing" });
  }
  const retry = { ...directDevice, path: directDevice.path.replace("{verb}", "retry") };
  expect(problemOf(await ask(retry, "OLGA")).code).not.toBe("role-missing");
});

const bodied = routes.filter(([, { method, who }]) => method !== "GET" && method !== "DELETE" && who !== "signed");
/** Who may, by what the table says. */
const whoMay = (route: ApiRoute): string => (route.who === "service" ? "SOC" : "ANNA");

test("nothing that anybody sends is answered otherwise than by a problem or as documented, and no junk starts a roll", async () => {
  const count = async (): Promise<number> =>
    (JSON.parse((await ask(API_ROUTES.listRolls, "OLGA")).text) as { rolls: [] }).rolls.length;
  const before = await count();
  const body = fc.oneof(
    fc.json(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "{",
      "[]",
      "null",
      '{"__proto__":{"x":1}}',
      "[".repeat(10_000),
      `{"devices":[${"1,".repeat(9_999)}1]}`,
    ),
  );
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const query = fc.dictionary(fc.constantFrom("after", "limit", "batch", "before", "ca", "x"), text, { maxKeys: 3 });
  const header = fc.constantFrom(
    "if-match",
    "idempotency-key",
    "if-none-match",
    "content-type",
    "x-ms-client-principal",
  );
  const visible = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...guarded.map(([name]) => name)),
      fc.record({ body, query, headers: fc.dictionary(header, visible, { maxKeys: 2 }) }),
      async (name, sent) => {
        const route = (API_ROUTES as Readonly<Record<string, ApiRoute>>)[name];
        if (route === undefined) return;
        const isRead = route.method === "GET";
        // An inventory, or a look at what runs out, may be asked for without a body.
        if (!isRead && route.body === undefined) return;
        const params = new URLSearchParams(sent.query).toString();
        const init = { headers: sent.headers, ...(isRead ? {} : { body: sent.body }) };
        const answer = await ask(route, whoMay(route), init, params === "" ? "" : `?${params}`);
        if (route.answers[answer.status] === undefined) expect(problemOf(answer).status).toBeLessThan(500);
      },
    ),
    { numRuns: 150, endOnFailure: true },
  );
  expect(await count()).toBe(before);
});

test.each(bodied)("%s reads no body without an end", async (_name, route) => {
  if (route.body === undefined) return;
  const answer = await ask(route, whoMay(route), { body: JSON.stringify({ note: "x".repeat(9_000_000) }) });
  expect(problemOf(answer).status).toBeLessThan(500);
});

test("who is told without asking is told, signed", async () => {
  for (const end = Date.now() + 90_000; !notices.some(({ type }) => /finish/i.test(type)) && Date.now() < end;)
    await new Promise((wake) => setTimeout(wake, 200));
  expect(notices).toContainEqual({ type: expect.stringMatching(/finish/i) as string, signed: true });
  expect(notices.every(({ signed }) => signed)).toBe(true);
}, 100_000);

test("what was purged is gone but for the report, and its alert starts nothing again", async () => {
  for (const name of ["listRollDevices", "getPlan", "readJournal", "listStragglers", "listKnocking"] as const)
    expect(problemOf(await ask(API_ROUTES[name], "OLGA"))).toMatchObject({ status: 410, code: "roll-purged" });
  const readme = await readFile(join(repository, "README.md"), "utf8");
  const [, body = ""] = /alerts\/cloudevents .*-d '(\{[\s\S]*?\})'/.exec(readme) ?? [];
  const first = pasted.printed.get("Report a breach") ?? "";
  const [, rollId = "none"] = /"id":"IR-1183","outcome":"accepted","rollId":"([^"]+)"/.exec(first) ?? [];
  expect((await ask(API_ROUTES.alertsCloudevents, "SOC", { body })).text).toContain(
    `"outcome":"known","rollId":"${rollId}"`,
  );
});

test("Ctrl-C takes away what it left for the shell", async () => {
  expect(await lab.interrupt()).toBe(0);
  await expect(readFile(join(place.folder, ".rollcall/app.env"))).rejects.toThrow("ENOENT");
}, 60_000);
