import { DeviceCommandBody, DeviceVerb } from "../contract/operator-queries";
import type { DeviceCommandView } from "../contract/operator-api";
import { RegistrationId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { Principal } from "../domain/operator";
import { isProblem, problem, type Problem } from "../domain/outcome";
import { isAside } from "../domain/roll/attempts";
import { deviceState } from "../domain/roll/device-state";
import type { DeviceRow } from "../domain/roll/device-row";
import { isBreach } from "../domain/roll/playbook";
import type { Roll } from "../domain/roll/roll";
import { RollError } from "../domain/roll-error";
import type { RollBlobs } from "../ports/stores";
import { BatchWork, type BatchWorkDeps } from "../steps/batch-work";
import { readJsonBody } from "./json-body";
import { findRoll } from "./find-roll";

export interface DirectDeviceDeps extends BatchWorkDeps {
  readonly blobs: Pick<RollBlobs, "getTargets">;
}

export interface DeviceCommand {
  readonly rollId: string;
  readonly registrationId: string;
  readonly verb: string;
  readonly body: Uint8Array;
  readonly by: Principal;
}

const MAX_BYTES = 8 * 1024;

/**
 * What a named person says of one device of an open roll. `accept`: it is taken as it is, and what was waiting for it goes
 * on. `skip`: this roll leaves it alone. `retry`: a device that stands aside is tried again at once. Saying it again changes
 * nothing. A breach is contained first: no device is accepted or skipped before.
 *
 * Problems: `person-needed`, `unknown-roll`, `unknown-verb`, `roll-finished`, `payload-too-large`, `malformed-json`,
 * `invalid-command`, `device-not-in-roll`, `not-contained-yet`, `device-is-done`, `nothing-to-retry`, `service-unavailable`.
 */
export function createDirectDevice(
  deps: DirectDeviceDeps,
): (command: DeviceCommand) => Promise<DeviceCommandView | Problem> {
  return async ({ rollId: id, registrationId: name, verb: word, body, by }) => {
    if (by.kind !== "person")
      return problem(403, "person-needed", "only a named person may decide about one device; sign in");
    const verb = DeviceVerb.safeParse(word);
    if (!verb.success) return problem(404, "unknown-verb", "say accept, skip or retry");
    const roll = await findRoll(deps.rolls, id);
    if (isProblem(roll)) return roll;
    if (roll.phase === "finished") return problem(409, "roll-finished", "the roll is over: start a new one");
    const read = readJsonBody(body, MAX_BYTES, DeviceCommandBody, "invalid-command");
    if (read.outcome === "problem") return read;
    const device = RegistrationId.safeParse(name.toLowerCase());
    const batch = device.success ? await findBatch(deps, roll, device.data) : undefined;
    if (!device.success || batch === undefined)
      return problem(404, "device-not-in-roll", "this roll has no such device; GET its devices");
    try {
      return await say(deps, roll, batch, { device: device.data, verb: verb.data, by, note: read.value.note });
    } catch (error) {
      if (!(error instanceof RollError) || !error.retryable) throw error;
      return problem(503, "service-unavailable", "the device is being worked on; say it again in a moment");
    }
  };
}

interface Said {
  readonly device: RegistrationId;
  readonly verb: DeviceVerb;
  readonly by: Principal;
  readonly note: string;
}

async function say(
  deps: DirectDeviceDeps,
  roll: Roll,
  batch: number,
  { device, verb, by, note }: Said,
): Promise<DeviceCommandView | Problem> {
  const { rollId } = roll;
  const work = await BatchWork.open(deps, `person-${verb}`, { rollId, batch });
  const before = work.row(device);
  const after = decide(roll, before, verb, `${by.name}: ${note}`, deps.clock.now());
  if ("outcome" in after) return after;
  if (after !== before) {
    work.set(after);
    const line = { registrationId: device, target: "roll", action: verb, before: deviceState(before) };
    await work.settle([{ ...line, after: deviceState(after), result: `${by.name}: ${note}` }]);
  }
  return { rollId, registrationId: device, state: deviceState(after), changed: after !== before };
}

function decide(roll: Roll, row: DeviceRow, verb: DeviceVerb, why: string, now: Instant): DeviceRow | Problem {
  if (verb === "retry") {
    if (!isAside(row))
      return problem(409, "nothing-to-retry", `the device is ${deviceState(row)}: it does not stand aside`);
    return row.tryAgainAt !== undefined && row.tryAgainAt <= now ? row : { ...row, tryAgainAt: now };
  }
  if (row.skipped !== undefined) return row;
  if (row.proof !== undefined)
    return problem(409, "device-is-done", "the device is proven: there is nothing to decide");
  if (isBreach(roll.playbook) && row.containedAt === undefined)
    return problem(409, "not-contained-yet", "its old credential may still work: it is contained first");
  return { ...row, skipped: `${verb === "accept" ? "accepted" : "skipped"}-by ${why}` };
}

/** Batches' target lists say who is in them; the one that holds the device is found by asking a few at a time. */
async function findBatch(
  { blobs }: DirectDeviceDeps,
  { rollId, batches, waves }: Roll,
  device: RegistrationId,
): Promise<number | undefined> {
  if (waves === undefined) return undefined;
  for (let from = 0; from < batches; from += 16) {
    const numbers = Array.from({ length: Math.min(16, batches - from) }, (_, n) => from + n);
    const lists = await Promise.all(numbers.map((batch) => blobs.getTargets(rollId, batch)));
    const at = lists.findIndex((targets) => targets.some(({ registrationId }) => registrationId === device));
    if (at >= 0) return from + at;
  }
  return undefined;
}
