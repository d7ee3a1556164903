import type { TokenCredential } from "@azure/identity";
import { appIdentity } from "../../../shared/adapters/azure/credentials";
import { callSdk } from "../../../shared/adapters/azure/sdk-call";
import { readFailure, toRollError } from "../../../shared/adapters/azure/sdk-errors";

let made = 0;
let asked: string[] = [];
let answer: TokenCredential["getToken"];

jest.mock("@azure/identity", () => ({
  DefaultAzureCredential: class {
    constructor() {
      made += 1;
    }
    getToken(scope: string) {
      asked.push(scope);
      return answer(scope);
    }
  },
}));

describe("the app's identity", () => {
  beforeEach(() => {
    made = 0;
    asked = [];
    answer = (scope) => Promise.resolve({ token: `for ${String(scope)}`, expiresOnTimestamp: 1 });
  });

  it("is looked for when the first token is needed, and once", async () => {
    const identity = appIdentity();
    expect(made).toBe(0);
    await identity.getToken("hub");
    await identity.getToken("dps");
    expect(made).toBe(1);
  });

  it("is asked once by callers that come at the same time, and again by those that come later", async () => {
    const identity = appIdentity();
    const tokens = await Promise.all(["hub", "hub", "dps"].map((scope) => identity.getToken(scope)));
    expect(tokens.map((token) => token?.token)).toEqual(["for hub", "for hub", "for dps"]);
    expect(asked).toEqual(["hub", "dps"]);
    await identity.getToken("hub");
    expect(asked).toEqual(["hub", "dps", "hub"]);
  });

  it("is asked again after it failed", async () => {
    const identity = appIdentity();
    answer = () => Promise.reject(new Error("not now"));
    await expect(identity.getToken("hub")).rejects.toThrow("not now");
    answer = () => Promise.resolve({ token: "t", expiresOnTimestamp: 1 });
    await expect(identity.getToken("hub")).resolves.toMatchObject({ token: "t" });
  });

  it.each([
    ["CredentialUnavailableError", undefined],
    ["AuthenticationError", 400],
    ["AggregateAuthenticationError", undefined],
  ])("that cannot be proven (%s) is our trouble, not the service's", (name, statusCode) => {
    const failure = readFailure(Object.assign(new Error("no identity"), { name, statusCode }));
    expect(failure).toMatchObject({ status: undefined, mayHaveArrived: false });
    expect(toRollError("DPS", failure)).toMatchObject({ code: "service-denied-us", retryable: true });
  });

  it("that never answers does not hold a call up for ever", async () => {
    answer = () => new Promise(() => undefined);
    const outcome = await callSdk(50, () => appIdentity().getToken("hub"));
    expect(outcome).toMatchObject({ ok: false, failure: { status: undefined } });
  });
});
