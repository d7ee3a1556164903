import { z } from "zod";
import { matches } from "../alert/policy";
import type { Level } from "../inventory/inventory";
import { WavePolicy } from "../pacing/wave-policy";
import { ReplacementKind } from "../roll/playbook";

const Days = z.number().positive().max(3_650);

/** When certificates of a level, or some of them, are rolled before they run out. */
export const ExpiryRule = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/),
    level: z.enum(["leaf", "intermediate", "root"]),
    /** Device key, group id or CA name; `*` stands for any text, letter case does not count. Absent: all. */
    target: z.string().min(1).max(200).optional(),
    /** Days before the end: from then on it is shown, rolled, and no longer waited for. */
    warnBeforeDays: Days,
    rollBeforeDays: Days,
    criticalBeforeDays: Days,
    /** `start`: a roll begins by itself. `propose`: it is listed for a person to start. `off`: it is only shown. */
    action: z.enum(["start", "propose", "off"]),
    /** Rolls that are due begin spread over so many days, each certificate at a time of its own. */
    spreadDays: z.number().nonnegative().max(365),
    approval: z.enum(["required", "none"]).optional(),
    waves: WavePolicy.optional(),
    replacement: z.strictObject({ kind: ReplacementKind }).optional(),
  })
  .refine((rule) => rule.criticalBeforeDays <= rule.rollBeforeDays - rule.spreadDays, {
    path: ["spreadDays"],
    error:
      "rolls would still begin when it is critical: rollBeforeDays less spreadDays must not be less than criticalBeforeDays",
  })
  .refine((rule) => rule.rollBeforeDays <= rule.warnBeforeDays, {
    path: ["warnBeforeDays"],
    error: "a warning comes before the roll: it must not be less than rollBeforeDays",
  });
export type ExpiryRule = z.infer<typeof ExpiryRule>;

/** Nothing starts before somebody has said so: by default what is due is proposed. */
export const DEFAULT_EXPIRY_RULES: readonly ExpiryRule[] = [
  rule("leaf", { warnBeforeDays: 45, rollBeforeDays: 30, criticalBeforeDays: 7, spreadDays: 14 }),
  rule("intermediate", { warnBeforeDays: 180, rollBeforeDays: 120, criticalBeforeDays: 45, spreadDays: 0 }),
  rule("root", { warnBeforeDays: 365, rollBeforeDays: 240, criticalBeforeDays: 90, spreadDays: 0 }),
];

function rule(
  level: Level,
  days: Pick<ExpiryRule, "warnBeforeDays" | "rollBeforeDays" | "criticalBeforeDays" | "spreadDays">,
): ExpiryRule {
  return { name: level, level, ...days, action: "propose" };
}

/** The first rule that fits; undefined: nobody looks after this one. */
export function ruleFor(rules: readonly ExpiryRule[], level: Level, id: string): ExpiryRule | undefined {
  return rules.find((one) => one.level === level && (one.target === undefined || matches(one.target, id)));
}
