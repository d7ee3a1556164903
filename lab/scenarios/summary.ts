import type { Screen } from "./display";
import { painter, render } from "./display";
import type { BreachEvidence, Claim } from "./evidence";
import { lastUses, rollTimings } from "./exposure";

/** What a breach scenario tells at its end. */
export function breachSummary(
  evidence: BreachEvidence,
  claims: readonly Claim[],
  context: { readonly holdMs: number; readonly settleMs: number; readonly statusUrl: string; readonly totalMs: number },
  screen: Screen,
): string[] {
  const colour = painter(screen);
  const stated = evidence.breached.map(({ registrationId }) => evidence.stated.get(registrationId));
  const contained = stated.filter((device) => device?.containedAt !== undefined).length;
  const proven = stated.filter((device) => device?.provenAt !== undefined).length;
  const timings = rollTimings(evidence);
  const total = evidence.breached.length;
  return [
    "",
    colour("bold", "What happened"),
    `  contained   ${contained} of ${total}, p50 ${seconds(timings.contained.p50Ms)}, max ${seconds(timings.contained.maxMs)} after the alert`,
    `  proven      ${proven} of ${total}, p50 ${seconds(timings.proven.p50Ms)}, max ${seconds(timings.proven.maxMs)} after the alert`,
    `  exposure    p50 ${seconds(timings.exposure.p50Ms)}, max ${seconds(timings.exposure.maxMs)}: alert to the last time an old key was good for anything`,
    `              (hold ${seconds(context.holdMs)} and settle ${seconds(context.settleMs)} are configured)`,
    `  whole roll  ${seconds(context.totalMs)}`,
    "",
    colour("bold", "What the thief could do, and until when (after the alert)"),
    ...thief(evidence).map((line) => `  ${line}`),
    "",
    colour("bold", "Claims"),
    ...claims.map(({ name, holds, sentence }) =>
      [`  ${holds ? colour("green", "holds ") : colour("red", "BROKEN")}`, name.padEnd(22), sentence].join(" "),
    ),
    "",
    `Look at the roll: ${context.statusUrl}`,
  ];
}

function thief(evidence: BreachEvidence): string[] {
  const uses = lastUses(evidence);
  const after = (at: number | undefined): string =>
    at === undefined ? "never" : at < evidence.alertAt ? "before it only" : `until ${seconds(at - evidence.alertAt)}`;
  const rows = evidence.breached.map(({ registrationId }) => {
    const use = uses.get(registrationId);
    const key = evidence.keys.find((each) => each.registrationId === registrationId);
    const tries = (key?.dps.tries ?? 0) + (key?.hub.tries ?? 0);
    return {
      key: registrationId,
      cells: [after(use?.dps), after(use?.hub), after(use?.session), String(tries)],
    };
  });
  const headings = ["old key of", "register with DPS", "connect to the hub", "send over a session", "tries"];
  return render({ title: "", headings, rows, footer: [] }, rows.length).slice(1);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
