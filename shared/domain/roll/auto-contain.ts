import { z } from "zod";
import { RollId } from "../ids";
import { Instant } from "../instant";
import { isBreach } from "./playbook";
import type { RollRequest } from "./request";

const HOUR_MS = 3_600_000;

/** Grants kept at most: a row of them fits a storage entity. More rolls than this within an hour are granted nothing. */
const MOST_GRANTS = 1_000;

/** What automatic rolls were allowed to cut off within the last hour, all of them together. */
export const AutoContained = z.object({
  grants: z.array(z.object({ rollId: RollId, devices: z.int().positive(), at: Instant })).max(MOST_GRANTS),
});
export type AutoContained = z.infer<typeof AutoContained>;

/** What a roll asks for. `whole`: all of it or nothing, because it is cut off by one write. */
export interface AutoWish {
  readonly rollId: RollId;
  readonly devices: number;
  readonly whole: boolean;
}

/**
 * Decides a wish against the last hour. A roll that asks again within the hour is told what it was told before. `next` is
 * undefined where nothing changes.
 */
export function grantAuto(
  known: AutoContained | undefined,
  wish: AutoWish,
  perHour: number,
  now: Instant,
): { readonly granted: number; readonly next: AutoContained | undefined } {
  const grants = (known?.grants ?? []).filter(({ at }) => at > now - HOUR_MS);
  const earlier = grants.find(({ rollId }) => rollId === wish.rollId);
  if (earlier !== undefined) return { granted: earlier.devices, next: undefined };
  const left = perHour - grants.reduce((sum, { devices }) => sum + devices, 0);
  const possible = Math.max(0, Math.min(wish.devices, left));
  const granted = grants.length >= MOST_GRANTS || (wish.whole && possible < wish.devices) ? 0 : possible;
  const { rollId } = wish;
  return { granted, next: granted === 0 ? undefined : { grants: [...grants, { rollId, devices: granted, at: now }] } };
}

/** True for a breach that nobody answers for by name: a forged alert must not become an outage. */
export function isAutomatic({ playbook, requestedBy, dryRun }: RollRequest): boolean {
  return isBreach(playbook) && requestedBy === undefined && dryRun !== true;
}
