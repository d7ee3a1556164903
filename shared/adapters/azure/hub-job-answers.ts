import { z } from "zod";
import type { ServiceFailure } from "./sdk-errors";

/** Jobs of both kinds use one set of words; those for "not begun" mean the same to the product. */
export const jobStatus = z
  .enum(["unknown", "enqueued", "queued", "scheduled", "running", "completed", "failed", "cancelled"])
  .transform((status) =>
    status === "unknown" || status === "enqueued" || status === "queued" || status === "scheduled" ? "waiting" : status,
  );

/** A 404 that speaks of the job. */
export function saysJobMissing({ status, code }: ServiceFailure): boolean {
  return status === 404 && (code === "JobNotFound" || code === "404002");
}

/** As many jobs run as may; not the throttle of the calls, which is an outage. */
export function saysJobsBusy({ status, code }: ServiceFailure): boolean {
  return (
    (status === 429 && /^(ThrottlingMaxActiveJobCountExceeded|429004)$/.test(code ?? "")) ||
    (status === 403 && /^(JobQuotaExceeded|403003)$/.test(code ?? ""))
  );
}
