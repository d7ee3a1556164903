import type { Notice, NoticeKind } from "../../domain/notice";
import { addMs, type Instant } from "../../domain/instant";
import { addSummaries } from "../../domain/roll/batch-summary";
import { addCounts, type DeviceCounts } from "../../domain/roll/device-state";
import { DONE } from "../../domain/roll/next-step";
import type { Roll } from "../../domain/roll/roll";
import type { Clock } from "../../ports/clock";
import type { ControlStore } from "../../ports/control";
import type { Outbox } from "../../ports/notices";
import type { RollStore } from "../../ports/stores";

export interface FindNoticesDeps {
  readonly clock: Clock;
  readonly rolls: Pick<RollStore, "list" | "listOpen" | "get" | "readSummaries">;
  readonly control: Pick<ControlStore, "get" | "readJournal">;
  readonly outbox: Pick<Outbox, "put">;
}

const DAY = 86_400_000;
/** The newest rolls that are looked through for ends. Those that last longer are still on the list of open ones at theirs. */
const NEWEST = 100;

/**
 * Looks at how rolls stand and puts what is new into the outbox. No roll knows of it, so that no roll waits for it; whatever
 * is found again has the same id and stays one notice.
 */
export function createFindNotices(deps: FindNoticesDeps): () => Promise<void> {
  return async () => {
    const now = deps.clock.now();
    const open = new Set((await deps.rolls.listOpen()).map(({ rollId }) => rollId));
    const newest = await deps.rolls.list({ limit: NEWEST });
    const rolls = [...newest];
    for (const rollId of open) {
      const roll = newest.some((one) => one.rollId === rollId) ? undefined : await deps.rolls.get(rollId);
      if (roll !== undefined) rolls.push(roll);
    }
    for (const roll of rolls) {
      const ended = roll.finishedAt !== undefined && addMs(roll.finishedAt, DAY) > now;
      if (ended) for (const notice of endOf(roll, now)) await deps.outbox.put(notice);
      else if (roll.phase !== "finished")
        for (const notice of await underWay(deps, roll, now)) await deps.outbox.put(notice);
    }
  };
}

async function underWay({ control, rolls }: FindNoticesDeps, roll: Roll, now: Instant): Promise<Notice[]> {
  const { rollId } = roll;
  const found: Notice[] = [];
  if (roll.phase === "awaiting-approval")
    found.push(notice(roll, "approval-needed", roll.planHash ?? "", now, `roll ${rollId} waits for an approval`));
  const state = await control.get(rollId);
  if (state?.desired === "paused") {
    const last = (await control.readJournal(rollId)).at(-1)?.command;
    if (last?.verb === "brake")
      found.push(
        notice(
          roll,
          "brake-pulled",
          last.commandId,
          now,
          `roll ${rollId} paused itself: ${last.note ?? "a wave went wrong"}`,
        ),
      );
  }
  const { broken = 0, counts } = addSummaries(await rolls.readSummaries(rollId));
  const waiting = counts["awaiting-approval"] ?? 0;
  if (waiting > 0 && roll.phase !== "awaiting-approval")
    found.push(
      notice(
        roll,
        "approval-needed",
        "devices",
        now,
        `roll ${rollId}: ${waiting} devices stay exposed until a person approves`,
      ),
    );
  if (broken > 0)
    found.push(
      notice(
        roll,
        "containment-broken",
        String(broken),
        now,
        `roll ${rollId}: something opened again for contained devices, ${broken} times so far`,
      ),
    );
  return found;
}

function endOf(roll: Roll, now: Instant): Notice[] {
  const { rollId, outcome = "partial", counts = {} } = roll;
  const left = leftOf(counts);
  return [
    notice(roll, "finished", "", now, `roll ${rollId} has ended: ${outcome}`),
    ...(left === 0
      ? []
      : [notice(roll, "stragglers", "", now, `roll ${rollId} has ended, and ${left} devices still need somebody`)]),
  ];
}

function leftOf(counts: DeviceCounts): number {
  return Object.entries(addCounts([counts])).reduce(
    (sum, [state, devices]) => sum + (DONE.some((done) => done === state) ? 0 : devices),
    0,
  );
}

function notice({ rollId }: Roll, kind: NoticeKind, subject: string, at: Instant, text: string): Notice {
  const id = [kind, rollId, subject.slice(0, 64)].filter((part) => part !== "").join("|");
  return { id, kind, rollId, at, text: text.slice(0, 500) };
}
