import type { Screen } from "./display";
import { painter, render } from "./display";
import type { Claim, Evidence } from "./evidence";
import { lastUses } from "./exposure";
import type { Exposure, RollTimings } from "./exposure";
import type { Story } from "./story";

export interface Told {
  readonly story: Story;
  readonly evidence: Evidence;
  readonly claims: readonly Claim[];
  readonly timings: RollTimings & { readonly totalMs: number };
  readonly statusUrl: string;
}

/** Of a larger fleet only the devices whose keys were tried have a row. */
const rowsAtMost = 60;

/** What a story tells at its end. */
export function rollSummary({ story, evidence, claims, timings, statusUrl }: Told, screen: Screen): string[] {
  const colour = painter(screen);
  const total = evidence.rolled.length;
  const since = ({ p50Ms, maxMs }: Exposure): string => `p50 ${seconds(p50Ms)}, max ${seconds(maxMs)}`;
  const stated = evidence.rolled.map(({ registrationId }) => evidence.stated.get(registrationId));
  const contained = stated.filter((device) => device?.containedAt !== undefined).length;
  const proven = stated.filter((device) => device?.provenAt !== undefined).length;
  const isBreach = story.claims.includes("every-device-contained");
  const width = Math.max(...claims.map(({ name }) => name.length));
  return [
    "",
    colour("bold", "What happened"),
    ...(isBreach ? [`  contained   ${contained} of ${total}, ${since(timings.contained)} after the alert`] : []),
    `  proven      ${proven} of ${total}, ${since(timings.proven)} after the ${isBreach ? "alert" : "order"}`,
    ...(isBreach
      ? [`  exposure    ${since(timings.exposure)}: alert to the last time an old key was good for anything`]
      : []),
    `  whole roll  ${seconds(timings.totalMs)}, ${evidence.roll?.outcome ?? "not finished"}; ${evidence.writes.length} writes in DPS and the hubs`,
    "",
    ...(evidence.keys.length === 0
      ? []
      : [colour("bold", "What old keys were good for, and until when"), ...oldKeys(evidence).map(indented), ""]),
    colour("bold", "Claims"),
    ...claims.map(({ name, holds, sentence }) =>
      [`  ${holds ? colour("green", "holds ") : colour("red", "BROKEN")}`, name.padEnd(width), sentence].join(" "),
    ),
    "",
    `Look at the roll: ${statusUrl}`,
  ];
}

function oldKeys(evidence: Evidence): string[] {
  const uses = lastUses(evidence);
  const after = (at: number | undefined): string =>
    at === undefined
      ? "never"
      : at < evidence.orderedAt
        ? "before it only"
        : `until ${seconds(at - evidence.orderedAt)}`;
  const tried = new Set(evidence.keys.map(({ registrationId }) => registrationId));
  const rows = evidence.rolled
    .filter(({ registrationId }) => evidence.rolled.length <= rowsAtMost || tried.has(registrationId))
    .map(({ registrationId }) => {
      const use = uses.get(registrationId);
      const keys = evidence.keys.filter((key) => key.registrationId === registrationId);
      const tries = keys.reduce((sum, { dps, hub }) => sum + dps.tries + hub.tries, 0);
      return { key: registrationId, cells: [after(use?.dps), after(use?.hub), after(use?.session), String(tries)] };
    });
  const headings = ["old key of", "register with DPS", "connect to the hub", "send over a session", "tries"];
  return render({ title: "", headings, rows, footer: [] }, rows.length).slice(1);
}

function indented(line: string): string {
  return `  ${line}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
