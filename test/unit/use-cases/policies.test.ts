import * as fc from "fast-check";
import { DEFAULT_EXPIRY_RULES } from "../../../shared/domain/expiry/rule";
import { DEFAULT_POLICIES } from "../../../shared/domain/policy/policies";
import { createManagePolicies, type ManagePolicies } from "../../../shared/use-cases/policies";
import { MemoryPolicyStore } from "../../support/memory-intake";
import { HandClock } from "../steps/bed";
import { operator } from "./door";

const [leaf] = DEFAULT_EXPIRY_RULES;
const good = DEFAULT_POLICIES.policies;
const manage = (): ManagePolicies =>
  createManagePolicies({ clock: new HandClock(), policies: new MemoryPolicyStore() });
const bytes = (body: unknown): Uint8Array =>
  new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
const put = (policies: ManagePolicies, body: unknown, ifMatch: string | undefined = "*"): Promise<object> =>
  policies.put({ body: bytes(body), ifMatch, by: operator });

describe("policies", () => {
  it("are the defaults until somebody sets some, with who and when, and every version is kept", async () => {
    const policies = manage();
    const { etag } = await policies.get();
    expect(await policies.get()).toMatchObject({ version: 0, policies: good });
    const mine = { ...good, expiry: [{ ...leaf, action: "start" }] };
    expect(await put(policies, mine, etag)).toMatchObject({ version: 1, setBy: "Ada", policies: mine });
    await put(policies, good, '"v1"');
    expect((await policies.history()).versions.map(({ version }) => version)).toEqual([2, 1]);
    expect(await policies.get()).toMatchObject({ version: 2 });
  });

  it("are set by one of two who read the same", async () => {
    const policies = manage();
    const both = await Promise.all([put(policies, good, '"v0"'), put(policies, good, '"v0"')]);
    expect(both.filter((one) => "version" in one)).toHaveLength(1);
    expect(both.filter((one) => "code" in one)).toMatchObject([{ status: 412, code: "policies-changed" }]);
  });

  it.each<[string, unknown, string | undefined, object]>([
    ["no If-Match", good, undefined, { status: 428, code: "if-match-needed" }],
    ["an old etag", good, '"v7"', { status: 412, code: "policies-changed" }],
    ["no JSON", "{", "*", { code: "malformed-json" }],
    ["too much", `"${"x".repeat(200_000)}"`, "*", { status: 413 }],
    ["an unknown field", { ...good, extra: 1 }, "*", { code: "invalid-policies" }],
    [
      "a CA that a medium alert would close",
      { ...good, alerts: { ...good.alerts, startFrom: { leaf: "low", intermediate: "medium", root: "high" } } },
      "*",
      { code: "invalid-policies", issues: [{ path: "alerts.startFrom.intermediate" }] },
    ],
    ["two rules of one name", { ...good, expiry: [leaf, leaf] }, "*", { code: "invalid-policies" }],
    [
      "a roll after the critical day",
      { ...good, expiry: [{ ...leaf, spreadDays: 25 }] },
      "*",
      { code: "invalid-policies" },
    ],
    [
      "a warning after the roll",
      { ...good, expiry: [{ ...leaf, warnBeforeDays: 20 }] },
      "*",
      { code: "invalid-policies" },
    ],
    [
      "a thousand rules",
      { ...good, expiry: Array.from({ length: 1_000 }, (_, n) => ({ ...leaf, name: `r${n}` })) },
      "*",
      { code: "invalid-policies" },
    ],
  ])("refuse %s", async (_name, body, ifMatch, expected) => {
    const policies = manage();
    expect(await policies.put({ body: bytes(body), ifMatch, by: operator })).toMatchObject({
      outcome: "problem",
      ...expected,
    });
    expect((await policies.get()).version).toBe(0);
  });

  it("throw nothing, whatever is sent", async () => {
    const policies = manage();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (body) => {
        expect(await put(policies, { ...good, expiry: [body] })).toMatchObject({ outcome: "problem" });
      }),
      { numRuns: 100 },
    );
  });
});
