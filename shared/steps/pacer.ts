import type { PaceWait, Ticket } from "../contract/pacing";
import { addMs } from "../domain/instant";
import type { Priority } from "../domain/pacing/ledger";
import type { ResourceName } from "../domain/pacing/quotas";
import { RollError } from "../domain/roll-error";
import type { Clock, Waiter } from "../ports/clock";
import type { QuotaLedger } from "../ports/ledger";

export interface PacerDeps {
  readonly clock: Clock;
  readonly waiter: Waiter;
  readonly ledger: QuotaLedger;
}

/** What a step is about to use. */
export interface Need {
  /** Units per resource; those of 0 units may be listed. Nothing at all is always admitted. */
  readonly resources: ReadonlyMap<ResourceName, number>;
  readonly priority: Priority;
}

export type Admission =
  /** Use it now; evenly over `spreadMs` if it can be spread. */
  | { readonly outcome: "go"; readonly spreadMs: number }
  /** Answer this as the step's `wait`. */
  | { readonly outcome: "wait"; readonly wait: PaceWait };

/** An activity that waits is paid for, and lost if its process ends; a timer is neither. */
const LONGEST_WAIT_MS = 2_000;

/** A ticket this old was for a rate of then: others have used what it stood for. */
const TICKET_LIFE_MS = 300_000;

/**
 * Reserves what a step is about to use, or takes the ticket that it got when it was told to wait. Waits here for two
 * seconds at most. A step that runs twice without a ticket reserves twice: less is used than might be, never more.
 */
export async function admit(deps: PacerDeps, need: Need, ticket: Ticket | undefined): Promise<Admission> {
  const now = deps.clock.now();
  if (ticket !== undefined && now <= addMs(ticket.grantedAt, TICKET_LIFE_MS)) return begin(deps, ticket);
  const resources = new Map([...need.resources].filter(([, units]) => units > 0));
  if (resources.size === 0) return { outcome: "go", spreadMs: 0 };
  const granted = await deps.ledger.reserve({ resources, priority: need.priority, at: now });
  if (granted.outcome === "later") return { outcome: "wait", wait: { until: granted.tryAt } };
  return begin(deps, { grantedAt: granted.grantedAt, spreadMs: granted.spreadMs });
}

/** Tells the ledger, where an error means that the service asks for fewer calls; any other error is none of its business. */
export async function heedThrottling(ledger: QuotaLedger, resource: ResourceName, error: unknown): Promise<void> {
  if (!(error instanceof RollError) || error.code !== "service-throttled") return;
  const wish = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
  await ledger.feedback(resource, { kind: "throttled", ...wish });
}

async function begin({ clock, waiter }: PacerDeps, ticket: Ticket): Promise<Admission> {
  const waitMs = ticket.grantedAt - clock.now();
  if (waitMs > LONGEST_WAIT_MS) return { outcome: "wait", wait: { until: ticket.grantedAt, ticket } };
  if (waitMs > 0) await waiter.sleep(waitMs);
  return { outcome: "go", spreadMs: ticket.spreadMs };
}
