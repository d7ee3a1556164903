import { CatchUpOrder, type CatchUpView } from "../contract/catch-up";
import { addMs, formatInstant, parseInstant, type Instant } from "../domain/instant";
import { isProblem, problem, type Problem } from "../domain/outcome";
import type { Clock } from "../ports/clock";
import { readJsonBody } from "./json-body";

export interface StartCatchUpDeps {
  readonly clock: Clock;
  /** Undefined: the stream cannot be read beside its trigger. */
  readonly stream: object | undefined;
}

/** Starts the one durable instance, or says that it runs. Throws `RollError` where the host does not answer. */
export interface CatchUpStarter {
  start(span: { readonly since: Instant; readonly until: Instant }): Promise<"started" | "running">;
}

const MAX_BYTES = 1_024;
/** As long as an IoT Hub keeps messages at most. */
const LONGEST_DAYS = 7;

/**
 * Has the event stream read again from a moment up to now, as after an outage of the app that was longer than its trigger's
 * checkpoints. What is known already changes nothing. Problems: `catch-up-not-configured`, `payload-too-large`,
 * `malformed-json`, `invalid-moment`.
 */
export function createStartCatchUp({
  clock,
  stream,
}: StartCatchUpDeps): (body: Uint8Array, starter: CatchUpStarter) => Promise<CatchUpView | Problem> {
  return async (body, starter) => {
    if (stream === undefined)
      return problem(
        409,
        "catch-up-not-configured",
        "name a consumer group that nobody else reads by in ROLLCALL_CATCH_UP_GROUP",
      );
    const read = readJsonBody(body, MAX_BYTES, CatchUpOrder, "invalid-moment");
    if (isProblem(read)) return read;
    const until = clock.now();
    const since = parseInstant(read.value.since);
    if (since === undefined || since > until || since < addMs(until, -LONGEST_DAYS * 86_400_000))
      return problem(400, "invalid-moment", `since must lie in the past, at most ${LONGEST_DAYS} days ago`);
    const outcome = await starter.start({ since, until });
    const statusUrl = "/api/heartbeats/sources";
    if (outcome === "running") return { outcome, statusUrl };
    return { outcome, since: formatInstant(since), until: formatInstant(until), statusUrl };
  };
}
