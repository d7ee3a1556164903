import { z } from "zod";
import { AlertPolicy, DEFAULT_ALERT_POLICY } from "../alert/policy";
import { DEFAULT_EXPIRY_RULES, ExpiryRule } from "../expiry/rule";
import { Instant } from "../instant";

/** What starts rolls by itself. */
export const Policies = z.strictObject({
  alerts: AlertPolicy,
  /** The first that fits a certificate counts; names are unique. */
  expiry: z
    .array(ExpiryRule)
    .max(100)
    .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, {
      error: "two rules have the same name",
    }),
});
export type Policies = z.infer<typeof Policies>;

/** Policies as they were set once; version 0 is what applies while nobody has set any. */
export const PolicyVersion = z.object({
  version: z.int().nonnegative(),
  policies: Policies,
  setBy: z.string().max(200).optional(),
  setAt: Instant.optional(),
});
export type PolicyVersion = z.infer<typeof PolicyVersion>;

export const DEFAULT_POLICIES: PolicyVersion = {
  version: 0,
  policies: { alerts: DEFAULT_ALERT_POLICY, expiry: [...DEFAULT_EXPIRY_RULES] },
};
