import { z } from "zod";
import type { Authority } from "../roll/playbook";

/** How bad an alert is, in the words that all sources are translated into; worst last. */
export const Severity = z.enum(["low", "medium", "high", "critical"]);
export type Severity = z.infer<typeof Severity>;

/** From which severity on an alert starts a roll by itself. A CA's roll closes whole groups: never from a medium alert. */
export const AlertPolicy = z.strictObject({
  startFrom: z.strictObject({
    leaf: Severity,
    intermediate: z.enum(["high", "critical"]),
    root: z.enum(["high", "critical"]),
  }),
  /**
   * Alert types that are about a compromised credential, where a source sends alerts of every kind; `*` stands for any text,
   * letter case does not count.
   */
  types: z.array(z.string().min(1).max(200)).max(100),
});
export type AlertPolicy = z.infer<typeof AlertPolicy>;

export const DEFAULT_ALERT_POLICY: AlertPolicy = {
  startFrom: { leaf: "medium", intermediate: "high", root: "high" },
  types: ["IoT_Cert_Print_Mismatch", "*keycompromise*", "*key_compromise*"],
};

export type AlertDecision = { readonly kind: "start" } | { readonly kind: "record"; readonly why: string };

/** Whether an alert starts a roll of this level. `selected`: its sender chose to send this one here. */
export function decideAlert(
  { startFrom, types }: AlertPolicy,
  alert: { readonly severity: Severity; readonly type: string; readonly selected: boolean; readonly level: Authority },
): AlertDecision {
  if (!alert.selected && !types.some((pattern) => matches(pattern, alert.type)))
    return { kind: "record", why: `alerts of the type ${alert.type} start nothing` };
  const from = startFrom[alert.level];
  if (rank(alert.severity) < rank(from))
    return {
      kind: "record",
      why: `${alert.severity} alerts start no roll of a ${alert.level}: from ${from} on they do`,
    };
  return { kind: "start" };
}

function rank(severity: Severity): number {
  return Severity.options.indexOf(severity);
}

/** Compares by parts, so that no pattern makes the comparison slow. */
export function matches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.toLowerCase().split("*");
  const lowered = text.toLowerCase();
  if (rest.length === 0) return lowered === first;
  if (!lowered.startsWith(first)) return false;
  const last = rest.pop() ?? "";
  let at = first.length;
  for (const part of rest) {
    const found = lowered.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return lowered.length - last.length >= at && lowered.endsWith(last);
}
