import type { RollId } from "../domain/ids";
import { isOpen, type WindowStarts } from "../domain/pacing/windows";
import type { Clock } from "../ports/clock";
import type { ControlStore } from "../ports/control";

export interface DispatchGateDeps {
  readonly clock: Clock;
  readonly control: ControlStore;
  readonly calendar: WindowStarts;
}

export interface DispatchGate {
  /** False: nothing may be sent to devices now. Without a control row nothing ever may. */
  readonly open: boolean;
  /** False: somebody has paused or aborted the roll, or a brake has. */
  readonly running: boolean;
  /** How often people have asked for another try. */
  readonly retries: number;
}

/** Asks the control row before anything is sent: so a pause is heard in the middle of a wave too. */
export async function dispatchGate(
  { clock, control, calendar }: DispatchGateDeps,
  rollId: RollId,
): Promise<DispatchGate> {
  const current = await control.get(rollId);
  if (current === undefined) return { open: false, running: false, retries: 0 };
  const { desired, times, retries } = current;
  const running = desired === "running";
  return { open: running && isOpen(times, clock.now(), calendar), running, retries };
}
