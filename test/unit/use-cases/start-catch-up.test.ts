import { addMs, formatInstant, type Instant } from "../../../shared/domain/instant";
import { createStartCatchUp, type CatchUpStarter } from "../../../shared/use-cases/start-catch-up";
import { t0 } from "../../support/builders";

const HOUR = 3_600_000;

class Starter implements CatchUpStarter {
  readonly spans: { readonly since: Instant; readonly until: Instant }[] = [];
  start(span: { readonly since: Instant; readonly until: Instant }): Promise<"started" | "running"> {
    this.spans.push(span);
    return Promise.resolve(this.spans.length === 1 ? "started" : "running");
  }
}

const order = (body: unknown): Uint8Array =>
  new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
const start = (body: unknown, starter = new Starter(), stream: object | undefined = {}) =>
  createStartCatchUp({ clock: { now: () => t0 }, stream })(order(body), starter);

describe("a catch-up", () => {
  it("goes from the moment that was named up to now, and is one at a time", async () => {
    const starter = new Starter();
    const since = formatInstant(addMs(t0, -HOUR));
    expect(await start({ since }, starter)).toEqual({
      ...{ outcome: "started", since, until: formatInstant(t0) },
      statusUrl: "/api/heartbeats/sources",
    });
    expect(starter.spans).toEqual([{ since: addMs(t0, -HOUR), until: t0 }]);
    expect(await start({ since }, starter)).toMatchObject({ outcome: "running" });
  });

  it.each<[string, unknown, string]>([
    ["from the future", { since: formatInstant(addMs(t0, 1)) }, "invalid-moment"],
    ["from more than a week ago", { since: formatInstant(addMs(t0, -169 * HOUR)) }, "invalid-moment"],
    ["from no moment", { since: "yesterday" }, "invalid-moment"],
    ["without a moment", {}, "invalid-moment"],
    ["of something else as well", { since: formatInstant(t0), until: formatInstant(t0) }, "invalid-moment"],
    ["in no JSON", "{", "malformed-json"],
    ["of 2 KB", `{"since":"${"x".repeat(2_048)}"}`, "payload-too-large"],
  ])("%s does not start", async (_what, body, code) => {
    const starter = new Starter();
    expect(await start(body, starter)).toMatchObject({ outcome: "problem", code });
    expect(starter.spans).toEqual([]);
  });

  it("needs a consumer group of its own", async () => {
    const answer = createStartCatchUp({ clock: { now: () => t0 }, stream: undefined });
    expect(await answer(order({ since: formatInstant(t0) }), new Starter())).toMatchObject({
      status: 409,
      code: "catch-up-not-configured",
    });
  });
});
