import type { InventoryCursor } from "../../contract/inventory";
import { factPartition } from "../../domain/device-facts";
import type { DeviceId } from "../../domain/ids";
import type { Finding, InventoryId } from "../../domain/inventory/inventory";
import { DeviceJoin } from "../../domain/inventory/join";
import { lintDevice } from "../../domain/inventory/lint-device";
import type { DeviceRecord } from "../../domain/inventory/records";
import { graphOf } from "../../domain/inventory/trust";
import type { Clock } from "../../ports/clock";
import type { InventoryStore } from "../../ports/inventory";
import type { FactStore } from "../../ports/stores";

/** Facts that are asked for at once: about a page of the table. */
const FACTS_AT_ONCE = 500;

export interface JoinDevicesDeps {
  readonly clock: Clock;
  readonly facts: FactStore;
  readonly inventories: InventoryStore;
}

/** Puts the devices of one shard together, and lints each. */
export async function joinDevices(
  { clock, facts, inventories }: JoinDevicesDeps,
  inventoryId: InventoryId,
  { shard, shards, progress }: InventoryCursor & { at: "join" },
): Promise<InventoryCursor> {
  const joined = new DeviceJoin(shard, shards);
  for await (const line of inventories.readGathered(inventoryId)) joined.add(line);
  const reported = await whatDevicesSay(facts, joined.devices());
  const devices = function* (): Generator<DeviceRecord, void> {
    for (const device of joined.devices()) {
      const said = reported.get(device.key);
      yield said === undefined ? device : { ...device, reported: said };
    }
  };
  await inventories.putDevices(inventoryId, shard, devices());

  const context = { graph: graphOf(await inventories.getTrust(inventoryId)), now: clock.now() };
  const findings = function* (): Generator<Finding, void> {
    for (const device of devices()) yield* lintDevice(device, context);
  };
  await inventories.putFindings(inventoryId, `devices-${String(shard).padStart(3, "0")}`, findings());
  return shard + 1 < shards ? { at: "join", shard: shard + 1, shards, progress } : { at: "finish", shards, progress };
}

type Said = NonNullable<DeviceRecord["reported"]>;

/**
 * When leaves end that no enrollment shows: devices of groups tell it with their heartbeats. Believed only for the leaf
 * that the hub lets in.
 */
async function whatDevicesSay(facts: FactStore, devices: Iterable<DeviceRecord>): Promise<ReadonlyMap<string, Said>> {
  const wanted: { readonly key: string; readonly deviceId: DeviceId; readonly held: ReadonlySet<string> }[] = [];
  for (const { key, enrollment, identities } of devices) {
    const [identity] = identities;
    if (enrollment?.attestation === "x509-client" || identity === undefined) continue;
    const held = identities.flatMap(({ primaryThumbprint }) => primaryThumbprint ?? []);
    if (held.length > 0) wanted.push({ key, deviceId: identity.deviceId, held: new Set(held) });
  }
  // Those of one partition lie together in the table.
  wanted.sort((a, b) => factPartition(a.deviceId) - factPartition(b.deviceId) || (a.deviceId < b.deviceId ? -1 : 1));
  const said = new Map<string, Said>();
  for (let from = 0; from < wanted.length; from += FACTS_AT_ONCE) {
    const chunk = wanted.slice(from, from + FACTS_AT_ONCE);
    const known = await facts.read(chunk.map(({ deviceId }) => deviceId));
    for (const { key, deviceId, held } of chunk) {
      const { claimed, verified = [] } = known.get(deviceId) ?? {};
      for (const { sha256Thumbprint, notAfter } of [...verified, ...(claimed === undefined ? [] : [claimed])])
        if (notAfter !== undefined && held.has(sha256Thumbprint)) said.set(key, { sha256Thumbprint, notAfter });
    }
  }
  return said;
}
