import { labHubHostName } from "../../lab/scenarios/lab-services";
import { scaled } from "./limit";
import type { RunOptions } from "./run-options";

/** How long the app waits for what, in milliseconds. */
export interface Times {
  readonly pulseHoldMs: number;
  readonly settleMs: number;
  readonly pollMs: number;
  readonly recheckMs: number;
  readonly attemptMs: number;
}

/** The app's defaults, so many times shorter. */
export function timesAt(scale: number): Times {
  const scaledDown = (ms: number, least: number): number => Math.max(least, Math.round(ms / scale));
  return {
    pulseHoldMs: scaledDown(180_000, 200),
    settleMs: scaledDown(60_000, 500),
    pollMs: scaledDown(10_000, 100),
    recheckMs: scaledDown(300_000, 5_000),
    // A device answers as fast as the machine lets it, whatever the scale.
    attemptMs: scaledDown(600_000, 60_000),
  };
}

/** What the app is told of quotas and times; it takes everything else as in Azure. */
export function settingsAt(
  { tier, scale, quotaPercent }: Pick<RunOptions, "tier" | "scale" | "quotaPercent">,
  storage: string,
): Record<string, string> {
  const { units, dpsPerMinute } = scaled(tier, scale, 1);
  const times = timesAt(scale);
  return {
    AzureWebJobsStorage: storage,
    ROLLCALL_STORAGE: storage,
    ROLLCALL_HUB_SKUS: `${labHubHostName}=${tier}x${units}`,
    ROLLCALL_DPS_OPERATIONS_PER_MINUTE: String(dpsPerMinute),
    ROLLCALL_DPS_REGISTRATIONS_PER_MINUTE: String(dpsPerMinute),
    ROLLCALL_QUOTA_PERCENT: String(quotaPercent),
    ROLLCALL_IMPORT_WHEN_SLOWER_THAN_SECONDS: String(Math.ceil(120 / scale)),
    ROLLCALL_PULSE_HOLD_MS: String(times.pulseHoldMs),
    ROLLCALL_SETTLE_MS: String(times.settleMs),
    ROLLCALL_POLL_MS: String(times.pollMs),
    ROLLCALL_RECHECK_MS: String(times.recheckMs),
    ROLLCALL_ATTEMPT_MS: String(times.attemptMs),
    // As host.json has it: the lab does not wait for more events.
    AzureFunctionsJobHost__extensions__eventHubs__minEventBatchSize: "50",
    // The lab looks for stranded rolls every two seconds; here as in Azure.
    ROLLCALL_SWEEP_SCHEDULE: "0 */5 * * * *",
    ROLLCALL_SWEEP_AGE_MS: "60000",
  };
}
