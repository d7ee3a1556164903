import type { brakeRoll, dueBatches, readWave, weigh } from "../contract/reprovision";
import { judgeWave } from "../domain/pacing/judge-wave";
import { addSummaries, type BatchSummary } from "../domain/roll/batch-summary";
import { control } from "../domain/roll/control";
import { rulesOf, type Wave } from "../domain/roll/cut-targets";
import type { RollId } from "../domain/ids";
import type { Instant } from "../domain/instant";
import { RollError } from "../domain/roll-error";
import type { ControlStore } from "../ports/control";
import type { RollBlobs, RollStore } from "../ports/stores";
import { dispatchGate, type DispatchGateDeps } from "./dispatch-gate";
import { documents } from "./roll-documents";
import type { Step } from "./step";

export interface WaveDeps extends DispatchGateDeps {
  readonly rolls: RollStore;
  readonly blobs: RollBlobs;
  readonly control: ControlStore;
}

/** Batches worked on at the same time: with a minute each about as many devices as DPS registers in a minute. */
const SIDE_BY_SIDE = 16;

/** Summaries per query. */
const PAGE = 500;

export function createReadWave({ blobs }: WaveDeps): Step<typeof readWave> {
  return async ({ rollId, wave }) => {
    const { firstBatch, batches, rules } = await waveOf(blobs, rollId, wave);
    return { firstBatch, batches, gate: rules?.gate ?? "auto" };
  };
}

/** See the contract. Reads the control row too, so that a pause is heard in the middle of a pass. */
export function createDueBatches(deps: WaveDeps): Step<typeof dueBatches> {
  return async ({ rollId, from, to, all }) => {
    const { open } = await dispatchGate(deps, rollId);
    const now = deps.clock.now();
    const due: number[] = [];
    // A page at a time: where much is due, the first page has it all.
    for (let page = from; page < to && due.length <= SIDE_BY_SIDE; page += PAGE) {
      const range = { from: page, to: Math.min(page + PAGE, to) };
      const summaries = await deps.rolls.readSummaries(rollId, range);
      due.push(
        ...summaries.filter((one) => (open ? isDue(one, all, now) : one.inFlight > 0)).map(({ batch }) => batch),
      );
    }
    const next = due[SIDE_BY_SIDE];
    return { batches: due.slice(0, SIDE_BY_SIDE), ...(next === undefined ? {} : { next }) };
  };
}

function isDue({ waiting, dueAt }: BatchSummary, all: boolean, now: Instant): boolean {
  return all ? waiting > 0 : dueAt !== undefined && dueAt <= now;
}

/** See the contract. A wave whose every device was left out has nothing to show, and is over. */
export function createWeigh({ rolls, blobs, clock }: WaveDeps): Step<typeof weigh> {
  return async ({ rollId, wave: number, startedAt, forgiven }) => {
    const wave = number === undefined ? undefined : await waveOf(blobs, rollId, number);
    const range = wave === undefined ? undefined : { from: wave.firstBatch, to: wave.firstBatch + wave.batches };
    const { wave: counts, leftOut, waiting, dueAt } = addSummaries(await rolls.readSummaries(rollId, range));
    const { failed } = counts;
    const known = { failed, waiting, ...(dueAt === undefined ? {} : { dueAt }) };
    if (wave === undefined) return { verdict: waiting === 0 ? "go-on" : "wait", ...known };

    // Failures that a person let pass are out of the reckoning, like devices that nothing was sent to.
    const pardoned = Math.min(forgiven, failed);
    const size = wave.devices - leftOut - pardoned;
    if (size <= 0) return { verdict: "go-on", ...known };
    const judged = judgeWave(
      { ...counts, failed: failed - pardoned },
      { ...rulesOf(wave), size },
      startedAt,
      clock.now(),
    );
    return { ...judged, ...known };
  };
}

/** Writes the brake into the control row as a command of the roll's own, so that a person resumes it like any pause. */
export function createBrakeRoll({ rolls, control: store, clock }: WaveDeps): Step<typeof brakeRoll> {
  return async ({ rollId, wave, startedAt, reason }) => {
    const roll = await rolls.get(rollId);
    const commandId = `brake-${wave}-${startedAt}`;
    const note = `wave ${wave}: ${reason}`;
    const changed = await store.change(rollId, (current) =>
      control(
        current,
        { verb: "brake", commandId, by: "rollcall", at: clock.now(), note },
        { phase: roll?.phase ?? "rolling", finished: roll?.phase === "finished" },
      ),
    );
    // A brake that does not hold is no brake.
    if (changed === undefined) throw new RollError("store-corrupt", `roll ${rollId} has no control row`, false);
    return {};
  };
}

async function waveOf(blobs: RollBlobs, rollId: RollId, number: number): Promise<Wave> {
  const wave = (await blobs.findDocument(rollId, documents.waves))?.[number];
  if (wave === undefined) throw new Error(`the roll has no wave ${number}`);
  return wave;
}
