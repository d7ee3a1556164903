import type { Proposal } from "../../domain/expiry/proposal";
import { formatInstant, type Instant } from "../../domain/instant";
import { SLOTS } from "../../domain/inventory/fleet-entries";
import type { DeviceRecord } from "../../domain/inventory/records";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import type { Clock } from "../../ports/clock";
import type { InventoryStore } from "../../ports/inventory";
import type { ProposalStore } from "../../ports/proposals";
import { askedInventory, everyDevice, fromInventory, Window } from "../inventory/ask-inventory";

export interface ReadExpiryDeps {
  readonly clock: Clock;
  readonly inventories: InventoryStore;
  readonly proposals: ProposalStore;
}

export interface Page {
  readonly limit: string | null;
  readonly after: string | null;
}

/** A device whose leaf ran out, and how it can come back. */
export interface Rescue {
  readonly key: string;
  readonly expiredAt: string;
  readonly wayBack: "other-slot" | "new-leaf-in-entry" | "any-leaf-of-the-group" | "no-entry";
  readonly todo: string;
}

export interface ReadExpiry {
  /** What is due, in the order of keys. Problems: `invalid-limit`, `invalid-cursor`. */
  proposals(page: Page): Promise<object>;
  /** Devices whose leaf ran out. Problems: those, `no-inventory`, `unknown-inventory`. */
  rescue(page: Page): Promise<object>;
}

export function createReadExpiry({ clock, inventories, proposals }: ReadExpiryDeps): ReadExpiry {
  return {
    proposals: async ({ limit, after }) => {
      const most = readLimit(limit);
      if (isProblem(most)) return most;
      if (after !== null && !/^[0-9A-F]{64}$/.test(after)) return badCursor();
      const found = await proposals.list({ limit: most.value, ...(after === null ? {} : { after }) });
      const last = found.length === most.value ? found.at(-1)?.key : undefined;
      return { proposals: found.map(toView), ...(last === undefined ? {} : { next: last }) };
    },
    rescue: async ({ limit, after }) => {
      const most = readLimit(limit);
      if (isProblem(most)) return most;
      if (after !== null && !/^\d{8}T\d{9}Z-[0-9a-f]{8}\.\d{1,9}$/.test(after)) return badCursor();
      const asked = await askedInventory(inventories, {
        limit: String(most.value),
        ...(after === null ? {} : { after }),
      });
      if (isProblem(asked)) return asked;
      const lost = new Window<Rescue>(asked);
      const now = clock.now();
      for await (const device of everyDevice(inventories, asked.summary)) {
        const rescue = rescueOf(device, now);
        if (rescue !== undefined) lost.push(rescue);
      }
      return { ...fromInventory(asked, lost.more), devices: lost.items };
    },
  };
}

/** Undefined while a leaf that the hub accepts is still valid, or nobody knows until when it is. */
export function rescueOf(device: DeviceRecord, now: Instant): Rescue | undefined {
  const { key, enrollment, identities, reported, groupId } = device;
  const held = identities.flatMap((one) => [one.primaryThumbprint, one.secondaryThumbprint]);
  const slots = SLOTS.flatMap((slot) => enrollment?.[slot] ?? []);
  const used = [...slots, ...(reported === undefined ? [] : [reported])].filter(
    ({ sha256Thumbprint }) => held.length === 0 || held.includes(sha256Thumbprint),
  );
  const ends = used.flatMap(({ notAfter }) => (notAfter === undefined ? [] : [notAfter]));
  if (ends.length === 0 || ends.some((end) => end > now)) return undefined;
  const expiredAt = formatInstant(ends.reduce((last, end) => (end > last ? end : last)));
  if (slots.some(({ notAfter }) => notAfter !== undefined && notAfter > now))
    return { key, expiredAt, wayBack: "other-slot", todo: TODO["other-slot"] };
  const wayBack =
    enrollment !== undefined ? "new-leaf-in-entry" : groupId === undefined ? "no-entry" : "any-leaf-of-the-group";
  return { key, expiredAt, wayBack, todo: TODO[wayBack] };
}

const TODO: Readonly<Record<Rescue["wayBack"], string>> = {
  "other-slot":
    "the other leaf of its enrollment is still valid: if the device holds that key, let it register with DPS",
  "new-leaf-in-entry":
    "it opens nothing any more: make a leaf for a key on the device on site or over another channel, put it into the free slot, let it register",
  "any-leaf-of-the-group":
    "its group takes any valid leaf of its CA: bring a new one onto the device on site or over another channel, let it register",
  "no-entry": "DPS has no entry for it: enroll it first, then bring a new leaf onto the device",
};

function toView({ expiry, notedAt, ...proposal }: Proposal): object {
  const { notAfter, ...certificate } = expiry;
  return {
    ...proposal,
    certificate: { ...certificate, notAfter: formatInstant(notAfter) },
    notedAt: formatInstant(notedAt),
  };
}

export function readLimit(limit: string | null): { readonly value: number } | Problem {
  const value = limit === null ? 100 : /^\d{1,4}$/.test(limit) ? Number(limit) : 0;
  return value >= 1 && value <= 1_000
    ? { value }
    : problem(400, "invalid-limit", "limit must be a whole number from 1 to 1000");
}

export function badCursor(): Problem {
  return problem(400, "invalid-cursor", "after must be the `next` of an earlier page");
}
