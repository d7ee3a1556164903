import type { RollId } from "../domain/ids";
import type { RollTarget } from "../domain/roll/request";
import type { ReplacementSource } from "../ports/replacements";

/**
 * The chain that the roll goes on with for this device: the one in its request, else the one that was kept when it was
 * accepted or issued. Undefined where the device gets its leaf by itself.
 */
export async function acceptedChain(
  replacements: Pick<ReplacementSource, "kept">,
  rollId: RollId,
  target: RollTarget,
): Promise<string | undefined> {
  if (target.replacement.kind === "inline") return target.replacement.chainPem;
  return replacements.kept(rollId, target.registrationId);
}

/** Whether a chain has to be looked for at all. */
export function bringsChain(
  { replacement }: RollTarget,
  source: "inline" | "blob" | "csr" | "device-managed" | "none" | undefined,
): boolean {
  return replacement.kind === "inline" || source === "blob" || source === "csr";
}
