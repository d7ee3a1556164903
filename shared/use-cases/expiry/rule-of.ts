import type { Proposal } from "../../domain/expiry/proposal";
import type { ExpiryRule } from "../../domain/expiry/rule";
import type { PolicyStore } from "../../ports/policies";

/** The rule that made a proposal, as it stood then; undefined once that version of the policies is no longer kept. */
export async function ruleOf(
  policies: Pick<PolicyStore, "current" | "history">,
  { policyVersion, rule }: Pick<Proposal, "policyVersion" | "rule">,
): Promise<ExpiryRule | undefined> {
  const all = [await policies.current(), ...(await policies.history())];
  const rules = all.find(({ version }) => version === policyVersion)?.policies.expiry ?? [];
  return rules.find(({ name }) => name === rule);
}
