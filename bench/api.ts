import { startAzurite } from "../lab/storage/azurite";
import { TableBatchStore } from "../shared/adapters/store/batch-store";
import { inParallel } from "../shared/adapters/store/in-parallel";
import { TableRollStore } from "../shared/adapters/store/roll-store";
import { openStore } from "../shared/adapters/store/tables";
import { systemClock } from "../shared/adapters/x509/system-clock";
import { RollId } from "../shared/domain/ids";
import { formatInstant, instant } from "../shared/domain/instant";
import type { Query } from "../shared/use-cases/query";
import { createReadRolls, type ReadRolls } from "../shared/use-cases/read-rolls";
import type { Bench } from "./bench";

const ROLLS = 10_000;
const ASKS = 60;
/** An hour lies between two rolls. */
const HOUR = 3_600_000;
const FIRST = Date.UTC(2025, 0, 1);

/** What an operator's list costs when there is more than a year of rolls, from the table to the JSON. */
export const api: Bench = {
  name: "api",
  summary: `lists of rolls where there are ${ROLLS}, in Azurite; milliseconds, p50 / p95`,
  async run(print) {
    const azurite = await startAzurite();
    try {
      const clients = openStore({ kind: "connection-string", connectionString: azurite.connectionString }, "bench");
      const rolls = new TableRollStore(clients);
      await seed(rolls);
      const read = createReadRolls({ rolls, batches: new TableBatchStore(clients, systemClock, 60_000) });
      const middle = formatInstant(instant(FIRST + (ROLLS / 2) * HOUR));
      const asked: [string, (read: ReadRolls) => Promise<object>][] = [
        ["newest 20", list({})],
        ["newest 100", list({ limit: "100" })],
        ["20 from the middle (until=)", list({ until: middle })],
        ["20 of one playbook in two", list({ playbook: "individual-breach" })],
        ["20 of one outcome in a hundred", list({ outcome: "aborted" })],
        ["none of an outcome that nothing had", list({ outcome: "refused" })],
        ["one", (from) => from.get(rollId(ROLLS / 2))],
      ];
      for (const [what, ask] of asked) {
        const [p50, p95] = await measure(() => ask(read));
        print(`  ${what.padEnd(40)}${p50.toFixed(1).padStart(8)} / ${p95.toFixed(1)}`);
      }
    } finally {
      await azurite.stop();
    }
  },
};

function list(query: Query): (read: ReadRolls) => Promise<object> {
  return (read) => read.list(query);
}

async function measure(ask: () => Promise<object>): Promise<readonly [p50: number, p95: number]> {
  const took: number[] = [];
  for (let n = 0; n < ASKS; n += 1) {
    const begun = performance.now();
    JSON.stringify(await ask());
    took.push(performance.now() - begun);
  }
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? 0;
  return [at(0.5), at(0.95)];
}

async function seed(rolls: TableRollStore): Promise<void> {
  const numbers = Array.from({ length: ROLLS }, (_, n) => n);
  await inParallel(numbers, 32, async (n) => {
    const requestedAt = instant(FIRST + n * HOUR);
    await rolls.create({
      rollId: rollId(n),
      playbook: n % 2 === 0 ? "individual-breach" : "individual-expiry",
      phase: "finished",
      outcome: n % 100 === 50 ? "aborted" : "completed",
      source: "bench",
      alertId: `IR-${n}`,
      reason: "A roll like many others, with a sentence that says why somebody wanted it.",
      requestedAt,
      finishedAt: instant(requestedAt + HOUR),
      devices: 100,
      batches: 2,
      counts: { proven: 98, skipped: 2 },
    });
  });
}

function rollId(n: number): RollId {
  const stamp = formatInstant(instant(FIRST + n * HOUR)).replace(/[-:.]/g, "");
  return RollId.parse(`${stamp}-${n.toString(16).padStart(8, "0")}`);
}
