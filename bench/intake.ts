import { startAzurite } from "../lab/storage/azurite";
import { TableFactStore } from "../shared/adapters/store/fact-store";
import { TablePoisonStore } from "../shared/adapters/store/poison-store";
import { TableSourceCounters } from "../shared/adapters/store/source-counters";
import { openStore, type StoreClients, type StoreTable } from "../shared/adapters/store/tables";
import { nodeCertificateReader } from "../shared/adapters/x509/node-certificate-reader";
import { systemClock } from "../shared/adapters/x509/system-clock";
import { formatInstant, instant } from "../shared/domain/instant";
import type { StreamEvent } from "../shared/ports/event-stream";
import { createIngestEvents } from "../shared/use-cases/ingest-events";
import type { Bench } from "./bench";

const DEVICES = 5_000;
/** As host.json has it. */
const BATCH = 1_000;
const EVENTS = 20_000;
/** Consumers at work at the same time, as one function instance per partition would be. */
const PARTITIONS = 4;

/** Heartbeats from the batch that the trigger hands over to the rows in the table. */
export const intake: Bench = {
  name: "intake",
  summary: `${EVENTS} heartbeats of ${DEVICES} devices in batches of ${BATCH} over ${PARTITIONS} partitions, to Azurite`,
  async run(print) {
    const azurite = await startAzurite();
    try {
      const clients = openStore({ kind: "connection-string", connectionString: azurite.connectionString }, "bench");
      for (const round of ["devices heard for the first time", "devices heard again"]) {
        const { perSecond, operations } = await measure(clients, round === "devices heard again" ? EVENTS : 0);
        print(round);
        print(`  heartbeats${perSecond.toFixed(0).padStart(52)} per s`);
        print(`  storage operations${operations.toFixed(0).padStart(44)} per 1,000 heartbeats`);
      }
    } finally {
      await azurite.stop();
    }
  },
};

async function measure(
  clients: StoreClients,
  firstSequence: number,
): Promise<{ readonly perSecond: number; readonly operations: number }> {
  let operations = 0;
  const stop = await counting(clients, ["facts", "poison"], () => (operations += 1));
  const batches = Array.from({ length: PARTITIONS }, (_, partition) => batchesOf(partition, firstSequence));
  const startedAt = performance.now();
  await Promise.all(
    batches.map(async (own) => {
      // A consumer of its own, as another instance has it.
      const ingest = createIngestEvents({
        clock: systemClock,
        certificates: nodeCertificateReader,
        facts: new TableFactStore(clients),
        poison: new TablePoisonStore(clients),
        counters: new TableSourceCounters(clients),
      });
      for (const batch of own) await ingest("bench", batch);
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  stop();
  return { perSecond: EVENTS / seconds, operations: (operations * 1_000) / EVENTS };
}

/** A device stays in its partition, as IoT Hub keeps it. */
function batchesOf(partition: number, firstSequence: number): StreamEvent[][] {
  const enqueuedAt = instant(Date.UTC(2026, 0, 1) + firstSequence);
  return Array.from({ length: EVENTS / PARTITIONS / BATCH }, (_, batch) =>
    Array.from({ length: BATCH }, (_one, n): StreamEvent => {
      const sequenceNumber = firstSequence + batch * BATCH + n;
      const device = ((batch * BATCH + n) % (DEVICES / PARTITIONS)) * PARTITIONS + partition;
      return {
        body: new Uint8Array(),
        properties: { messageType: "heartbeat" },
        systemProperties: {
          "iothub-connection-device-id": `device-${device}`,
          "iothub-connection-auth-method": '{"scope":"device","type":"x509Certificate","issuer":"external"}',
          "iothub-enqueuedtime": formatInstant(enqueuedAt),
          "iothub-message-source": "Telemetry",
        },
        partition: String(partition),
        sequenceNumber,
        offset: String(sequenceNumber),
        enqueuedAt,
      };
    }),
  );
}

async function counting(clients: StoreClients, tables: readonly StoreTable[], note: () => void): Promise<() => void> {
  const policy = "bench-count";
  const all = await Promise.all(tables.map((table) => clients.table(table)));
  for (const { pipeline } of all)
    pipeline.addPolicy({
      name: policy,
      sendRequest: (request, next) => {
        note();
        return next(request);
      },
    });
  return () => {
    for (const { pipeline } of all) pipeline.removePolicy({ name: policy });
  };
}
