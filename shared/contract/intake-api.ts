import { z } from "zod";
import { AlertRecord } from "../domain/alert/log";
import { Proposal } from "../domain/expiry/proposal";
import { RollId } from "../domain/ids";
import { Expiry } from "../domain/inventory/inventory";
import { SourceCounts } from "../domain/source-counts";
import { FromInventory } from "./inventory-api";

const Time = z.iso.datetime();
/** Give it back for the next page; absent on the last. */
const Next = z.string().optional();
const Issues = z.array(z.object({ path: z.string(), message: z.string() }));

/** What became of each alert of a delivery, in its order; or the answer to a handshake. */
export const DeliveryView = z.union([
  z.object({
    results: z.array(
      z.object({
        id: z.string().optional(),
        outcome: z.enum(["accepted", "known", "merged", "recorded", "refused"]),
        rollId: RollId.optional(),
        /** Of a refusal, as docs/errors.md has it. */
        code: z.string().optional(),
        detail: z.string().optional(),
        issues: Issues.optional(),
      }),
    ),
  }),
  z.object({ validationResponse: z.string() }),
]);

/** `GET /api/alerts` */
export const AlertList = z.object({ alerts: z.array(AlertRecord.extend({ at: Time })), next: Next });

/** `POST /api/expiry/run`; without an inventory there is nothing to look through. */
export const ExpiryRunView = z.union([
  z.object({
    standing: z.object({ warned: z.int(), due: z.int(), critical: z.int(), expired: z.int() }),
    noted: z.int(),
    started: z.array(RollId),
  }),
  z.object({ inventory: z.literal("none yet") }),
]);

/** `GET /api/proposals` */
export const ProposalList = z.object({
  proposals: z.array(
    Proposal.omit({ expiry: true }).extend({ certificate: Expiry.extend({ notAfter: Time }), notedAt: Time }),
  ),
  next: Next,
});

/** `GET /api/rescue` */
export const RescueList = z.object({
  ...FromInventory,
  devices: z.array(
    z.object({
      key: z.string(),
      expiredAt: Time,
      wayBack: z.enum(["other-slot", "new-leaf-in-entry", "any-leaf-of-the-group", "no-entry"]),
      todo: z.string(),
    }),
  ),
});

/** `GET /api/devices/late` */
export const LateQuery = z.strictObject({
  /** Late is who was not heard since. */
  after: Time,
  limit: z.string().optional(),
  /** The `next` of an earlier page. */
  cursor: z.string().optional(),
});
export const LateList = z.object({
  devices: z.array(z.object({ deviceId: z.string(), lastSeen: Time })),
  next: Next,
});

/** `GET /api/heartbeats/sources` */
export const SourceList = z.object({ sources: z.array(SourceCounts.extend({ since: Time, until: Time })) });
