import { formatInstant } from "../domain/instant";
import type { Principal } from "../domain/operator";
import { problem, type Problem } from "../domain/outcome";
import { Policies, type PolicyVersion } from "../domain/policy/policies";
import type { Clock } from "../ports/clock";
import type { PolicyStore } from "../ports/policies";
import { readJsonBody } from "./json-body";

export interface PoliciesDeps {
  readonly clock: Clock;
  readonly policies: PolicyStore;
}

/** Policies as operators see them. */
export interface PolicyView {
  /** Send it back as `If-Match`. */
  readonly etag: string;
  readonly version: number;
  readonly policies: Policies;
  readonly setBy?: string;
  readonly setAt?: string;
}

export interface ManagePolicies {
  get(): Promise<PolicyView>;
  /** Newest first; without the defaults. */
  history(): Promise<{ readonly versions: readonly PolicyView[] }>;
  /**
   * Sets all policies at once.
   * Problems: `if-match-needed`, `policies-changed`, `payload-too-large`, `malformed-json`, `invalid-policies`.
   */
  put(o: {
    readonly body: Uint8Array;
    readonly ifMatch: string | undefined;
    readonly by: Principal;
  }): Promise<PolicyView | Problem>;
}

const MAX_BYTES = 128 * 1024;

export function createManagePolicies({ clock, policies }: PoliciesDeps): ManagePolicies {
  return {
    get: async () => toView(await policies.current()),
    history: async () => ({ versions: (await policies.history()).map(toView) }),
    put: async ({ body, ifMatch, by }) => {
      if (ifMatch === undefined)
        return problem(428, "if-match-needed", "send If-Match with the etag that GET answered");
      const read = readJsonBody(body, MAX_BYTES, Policies, "invalid-policies");
      if (read.outcome === "problem") return read;
      const current = await policies.current();
      const next = {
        version: current.version + 1,
        policies: read.value,
        setBy: by.name.slice(0, 200),
        setAt: clock.now(),
      };
      // `*` is right by RFC 9110 for "whatever there is".
      const isCurrent = ifMatch === "*" || ifMatch === etagOf(current);
      if (!isCurrent || !(await policies.set(next)))
        return problem(412, "policies-changed", "somebody has set other policies since you read them; GET them again");
      return toView(next);
    },
  };
}

function toView(held: PolicyVersion): PolicyView {
  const { version, policies, setBy, setAt } = held;
  return {
    etag: etagOf(held),
    version,
    policies,
    ...(setBy === undefined ? {} : { setBy }),
    ...(setAt === undefined ? {} : { setAt: formatInstant(setAt) }),
  };
}

function etagOf({ version }: PolicyVersion): string {
  return `"v${version}"`;
}
