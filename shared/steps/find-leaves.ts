import type { RegistrationId, RollId } from "../domain/ids";
import type { RollRequest, RollTarget } from "../domain/roll/request";
import { RollError } from "../domain/roll-error";
import type { FoundReplacement, ReplacementSource } from "../ports/replacements";
import { mapSideBySide, orOutage } from "./side-by-side";

export interface FoundLeaves {
  /** The same targets; those that the roll's container has a leaf for hold it now as if the request had brought it. */
  readonly targets: ReadonlyMap<RegistrationId, RollTarget>;
  /** Why there is none yet, for those that the container is to have one for: they are looked for again. */
  readonly awaited: ReadonlyMap<RegistrationId, string>;
}

/**
 * Looks for the leaves of a breach's devices where the roll's source is a container; what a request itself brought goes
 * before. `keep`: what is found is kept, so that every later step goes on with the same bytes; a dry run keeps nothing.
 */
export async function findLeaves(
  replacements: Pick<ReplacementSource, "find" | "keep">,
  rollId: RollId,
  { replacement: source }: Pick<RollRequest, "replacement">,
  given: readonly RollTarget[],
  keep: "keep" | "look",
): Promise<FoundLeaves> {
  const targets = new Map(given.map((target) => [target.registrationId, target]));
  const awaited = new Map<RegistrationId, string>();
  const wanting = source === "blob" ? given.filter(({ replacement }) => replacement.kind === "none") : [];
  await mapSideBySide(wanting, async (target) => {
    const { registrationId, replacement } = target;
    if (replacement.kind === "discarded") return;
    const found = await orOutage(replacements.find(rollId, { registrationId, replacement, source }));
    const leaf =
      found instanceof RollError || keep === "look" ? found : await kept(replacements, rollId, target, found);
    if (leaf instanceof RollError) awaited.set(registrationId, "replacement-unreadable");
    else if (leaf.kind === "none") awaited.set(registrationId, "replacement-missing");
    else
      targets.set(registrationId, {
        ...target,
        replacement: leaf.kind === "discarded" ? leaf : { kind: "inline", chainPem: leaf.chainPem },
      });
  });
  return { targets, awaited };
}

async function kept(
  replacements: Pick<ReplacementSource, "keep">,
  rollId: RollId,
  { registrationId }: RollTarget,
  found: FoundReplacement,
): Promise<FoundReplacement | RollError> {
  if (found.kind !== "blob") return found;
  const chainPem = await orOutage(replacements.keep(rollId, registrationId, found.chainPem));
  return chainPem instanceof RollError ? chainPem : { kind: "blob", chainPem };
}
