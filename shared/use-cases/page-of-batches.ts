import type { BatchSummary } from "../domain/roll/batch-summary";
import type { DeviceRow } from "../domain/roll/device-row";
import type { Roll } from "../domain/roll/roll";
import type { BatchStore, RollStore } from "../ports/stores";

/**
 * Rows of at most `most` batches from `from` on. `holds`: only batches whose summary says so are read; `next` is then the
 * next one of those.
 */
export async function pageOfBatches(
  { rollId, batches: count }: Roll,
  from: number,
  most: number,
  { rolls, batches }: { readonly rolls: Pick<RollStore, "readSummaries">; readonly batches: Pick<BatchStore, "find"> },
  holds?: (summary: BatchSummary) => boolean,
): Promise<{ readonly rows: readonly DeviceRow[]; readonly next?: number }> {
  const numbers =
    holds === undefined
      ? Array.from({ length: Math.max(0, Math.min(most + 1, count - from)) }, (_, n) => from + n)
      : (await rolls.readSummaries(rollId, { from, to: count })).filter(holds).map(({ batch }) => batch);
  const rows: DeviceRow[] = [];
  // A roll has no batches before its list is made, and never has any where it was refused.
  for (const batch of numbers.slice(0, most)) rows.push(...((await batches.find(rollId, batch)) ?? []));
  const next = numbers[most];
  return { rows, ...(next === undefined ? {} : { next }) };
}
