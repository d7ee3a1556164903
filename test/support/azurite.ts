import type { TableClient } from "@azure/data-tables";
import { startAzurite } from "../../lab/storage/azurite";
import type { Azurite } from "../../lab/storage/azurite";
import { openStore } from "../../shared/adapters/store/tables";
import type { StoreAddress, StoreClients } from "../../shared/adapters/store/tables";

/** A storage account for the tests of one file. */
export interface TestStorage {
  /** Tables and a container that no other call shares. */
  open(): StoreClients;
  address(): StoreAddress;
}

/** Starts Azurite before the first test of the file and stops it after the last; call it at the top of the file. */
export function azuriteForThisFile(): TestStorage {
  let azurite: Azurite | undefined;
  let opened = 0;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(async () => {
    await azurite?.stop();
  });
  const address = (): StoreAddress => {
    if (azurite === undefined) throw new Error("Azurite starts before the first test: open the store inside a test");
    return { kind: "connection-string", connectionString: azurite.connectionString };
  };
  return {
    address,
    open: () => {
      opened += 1;
      return openStore(address(), `test${opened}`);
    },
  };
}

type Pipeline = TableClient["pipeline"];
type Policy = Parameters<Pipeline["addPolicy"]>[0];
export type StorageRequest = Parameters<Policy["sendRequest"]>[0];
export type StorageAnswer = Awaited<ReturnType<Policy["sendRequest"]>>;

/**
 * Puts `hook` between a storage client and the wire: it sees each request, may change it, and decides when and whether it
 * is sent and what is answered. With `eachTry` it sees the SDK's own repetitions too. The result takes it away again.
 */
export function intercept(
  client: { readonly pipeline: Pipeline },
  hook: (request: StorageRequest, send: () => Promise<StorageAnswer>) => Promise<StorageAnswer>,
  options: { readonly eachTry?: boolean } = {},
): () => void {
  const policy: Policy = {
    name: "test-intercept",
    sendRequest: (request, next) => hook(request, () => next(request)),
  };
  client.pipeline.addPolicy(policy, options.eachTry === true ? { afterPhase: "Retry" } : {});
  return () => {
    client.pipeline.removePolicy({ name: policy.name });
  };
}

/** Counts what Azure bills as storage operations while `work` runs: HTTP calls, a whole transaction being one. */
export async function operations(
  client: { readonly pipeline: Pipeline },
  work: () => Promise<unknown>,
): Promise<number> {
  let count = 0;
  const stop = intercept(client, (_request, send) => {
    count += 1;
    return send();
  });
  try {
    await work();
  } finally {
    stop();
  }
  return count;
}
