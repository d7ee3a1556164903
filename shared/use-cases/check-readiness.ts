import type { Readiness } from "../contract/operator-api";
import { DeviceId, RegistrationId } from "../domain/ids";
import { addMs, formatInstant, type Instant } from "../domain/instant";
import { RollError } from "../domain/roll-error";
import type { Authorities } from "../ports/authorities";
import type { Clock, Waiter } from "../ports/clock";
import type { Enrollments } from "../ports/enrollments";
import type { Hubs } from "../ports/hubs";
import type { RollStore } from "../ports/stores";

export interface ReadinessDeps {
  readonly clock: Clock;
  readonly waiter: Waiter;
  readonly rolls: Pick<RollStore, "listOpen">;
  readonly enrollments: Pick<Enrollments, "get">;
  readonly authorities: Pick<Authorities, "listVerified">;
  readonly hubs: Pick<Hubs, "hostNames" | "hub">;
}

/** What a service may take to answer, and how long an answer is given again without asking. */
const PATIENCE_MS = 3_000;
const KEPT_MS = 10_000;

/** Names that no device has: whether such a record exists is of no interest, only that the service says so. */
const NOBODY = { registration: RegistrationId.parse("rollcall-ready"), device: DeviceId.parse("rollcall-ready") };

/** Whether everything that a roll needs answers: storage, DPS, its CA certificates over ARM, every hub. Bounded in time. */
export function createCheckReadiness(deps: ReadinessDeps): () => Promise<Readiness> {
  let last: { readonly at: Instant; readonly answer: Promise<Readiness> } | undefined;
  return () => {
    const now = deps.clock.now();
    if (last === undefined || addMs(last.at, KEPT_MS) <= now) last = { at: now, answer: ask(deps, now) };
    return last.answer;
  };
}

async function ask(deps: ReadinessDeps, now: Instant): Promise<Readiness> {
  const { rolls, enrollments, authorities, hubs } = deps;
  const checks = await Promise.all([
    check(deps, "storage", () => rolls.listOpen()),
    check(deps, "dps", () => enrollments.get(NOBODY.registration)),
    check(deps, "arm", () => authorities.listVerified()),
    ...hubs.hostNames.map((name) => check(deps, `hub ${name}`, () => hubs.hub(name).readIdentity(NOBODY.device))),
  ]);
  return { ready: checks.every(({ ok }) => ok), checkedAt: formatInstant(now), checks };
}

async function check(
  { waiter }: ReadinessDeps,
  name: string,
  call: () => Promise<unknown>,
): Promise<Readiness["checks"][number]> {
  const late = waiter.sleep(PATIENCE_MS).then(() => ({ name, ok: false, code: "service-unavailable" }));
  const asked = call().then(
    () => ({ name, ok: true }),
    (error: unknown) => ({ name, ok: false, code: error instanceof RollError ? error.code : "internal" }),
  );
  return Promise.race([asked, late]);
}
