import { z } from "zod";
import { RollId } from "../domain/ids";
import { DeviceState } from "../domain/roll/device-state";
import { Playbook } from "../domain/roll/playbook";
import { RollOutcome, RollPhase } from "../domain/roll/roll";
import { RegistrationIdText } from "./alert";
import { SuccessorOrder } from "./roll-order";

const Batch = z.string().regex(/^\d{1,6}$/, "a number, as `next` of an earlier page has it");
const Moment = z.iso.datetime({ offset: true });

/** `GET /api/rolls`; `since` and `until` are about the time of the request. */
export const RollsQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/, "a whole number from 1 to 100")
    .optional(),
  after: RollId.optional(),
  playbook: Playbook.optional(),
  phase: RollPhase.optional(),
  outcome: RollOutcome.optional(),
  since: Moment.optional(),
  until: Moment.optional(),
});
export type RollsQuery = z.infer<typeof RollsQuery>;

/** `GET /api/rolls/{rollId}/devices` */
export const RollDevicesQuery = z.strictObject({ after: Batch.optional(), state: DeviceState.optional() });

/** `GET /api/rolls/{rollId}/stragglers.csv` */
export const StragglersQuery = z.strictObject({ after: Batch.optional() });

/** `GET /api/rolls/{rollId}/evidence` */
export const EvidenceQuery = z.strictObject({ part: z.string().optional() });

/** `GET /api/rolls/{rollId}/journal`; `batch`: with what was done to devices of this batch. */
export const JournalQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]\d{0,2}|1000)$/, "a whole number from 1 to 1000")
    .optional(),
  after: z
    .string()
    .regex(/^\d{1,15}\.\d{1,7}\.\d{1,9}$/, "the `next` of an earlier page")
    .optional(),
  batch: Batch.optional(),
});
export type JournalQuery = z.infer<typeof JournalQuery>;

/** The body of `POST /api/rolls/{rollId}/devices/{registrationId}/{accept|skip|retry}`. */
export const DeviceCommandBody = z.strictObject({
  /** Why; stands in the journal and in the report. */
  note: z.string().min(1).max(500),
});

/** What a person may say of one device; the path's last word. */
export const DeviceVerb = z.enum(["accept", "skip", "retry"]);
export type DeviceVerb = z.infer<typeof DeviceVerb>;

export const DevicePath = z.object({ registrationId: RegistrationIdText });

/** The body of `POST /api/proposals/{key}/start`; may be empty for leaves. */
export const StartProposalBody = z.strictObject({ successor: SuccessorOrder.optional() });
export type StartProposalBody = z.infer<typeof StartProposalBody>;
