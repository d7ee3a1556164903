import { connectAzure } from "../shared/adapters/azure/connect";
import { TableFactStore } from "../shared/adapters/store/fact-store";
import { BlobImportExport } from "../shared/adapters/store/import-export-blobs";
import { BlobInventoryStore } from "../shared/adapters/store/inventory-store";
import { openStore, type StoreAddress } from "../shared/adapters/store/tables";
import { nodeCertificateReader } from "../shared/adapters/x509/node-certificate-reader";
import { systemClock } from "../shared/adapters/x509/system-clock";
import { readSettings } from "../shared/config/settings";
import { takeInventory, type InventoryCursor } from "../shared/contract/inventory";
import { InventoryId } from "../shared/domain/inventory/inventory";
import { isProblem } from "../shared/domain/outcome";
import { createTakeInventory } from "../shared/steps/inventory/take-inventory";
import { createReadInventory } from "../shared/use-cases/inventory/read-inventory";

/** What the measured process tells the bench. */
export interface InventoryReport {
  readonly stages: readonly (readonly [stage: string, ms: number])[];
  readonly totalMs: number;
  readonly devices: number;
  readonly questions: readonly (readonly [question: string, ms: number])[];
  readonly peakMb: number;
}

/** The product's steps as the app's orchestration calls them, without the Functions host. */
async function main(): Promise<InventoryReport> {
  const settings = readSettings(process.env);
  const { storage } = settings;
  if (storage.kind !== "connection-string") throw new Error("the bench runs against the lab's storage");
  const address: StoreAddress = storage;
  const store = openStore(address);
  const inventories = new BlobInventoryStore(store);
  const step = createTakeInventory({
    ...connectAzure(settings, systemClock),
    clock: systemClock,
    certificates: nodeCertificateReader,
    facts: new TableFactStore(store),
    exports: new BlobImportExport(address, systemClock),
    inventories,
  });

  const inventoryId = InventoryId.parse("20260101T000000000Z-00000001");
  const stages = new Map<string, number>();
  const begun = performance.now();
  for (let cursor: InventoryCursor | undefined = { at: "trust" }; cursor !== undefined;) {
    const from: number = performance.now();
    const piece = takeInventory.output.parse(await step({ inventoryId, startedAt: systemClock.now(), cursor }));
    if (piece.waitMs !== undefined) await new Promise((wake) => setTimeout(wake, piece.waitMs));
    stages.set(cursor.at, (stages.get(cursor.at) ?? 0) + performance.now() - from);
    cursor = piece.next;
  }
  const totalMs = performance.now() - begun;

  const read = createReadInventory({ clock: systemClock, inventories });
  const questions: [string, number][] = [];
  const ask = async (question: string, answer: () => Promise<object>): Promise<void> => {
    const from = performance.now();
    const told = await answer();
    if (isProblem(told)) throw new Error(told.detail);
    questions.push([question, performance.now() - from]);
  };
  await ask("GET inventory/expiring", () => read.expiring({ before: "2999-01-01T00:00:00Z" }));
  await ask("GET blast-radius?ca=", () => read.blastRadius({ ca: "lab-root" }));
  await ask("GET blast-radius?device=", () => read.blastRadius({ device: "pump-777" }));
  await ask("GET inventory/lints", () => read.lints({}));
  const { devices } = (await inventories.latest())?.counts ?? { devices: 0 };
  return {
    stages: [...stages],
    totalMs,
    devices,
    questions,
    peakMb: Math.round(process.resourceUsage().maxRSS / 1_024),
  };
}

main().then(
  (report) => process.send?.(report, () => process.exit(0)),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
