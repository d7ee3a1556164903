import type { DeviceFacts } from "../../domain/device-facts";
import type { DeviceDataStore } from "../../ports/device-data";

/** Devices that a process remembers having noticed: some ten megabytes. */
const REMEMBERED = 100_000;

/**
 * Initialises the product's data of devices that are heard for the first time, or for the first time after their id was
 * created again. Costs nothing for those that this process has noticed before, so that heartbeats stay cheap; forgetting
 * some, or another process, only costs a read.
 */
export function createNoticeDevices({
  devices,
}: {
  readonly devices: Pick<DeviceDataStore, "see">;
}): (heard: readonly Pick<DeviceFacts, "deviceId" | "generationId" | "lastSeen">[]) => Promise<void> {
  const noticed = new Set<string>();
  return async (heard) => {
    // Of whom only the hub has spoken, nobody knows the generation.
    const named = heard.flatMap(({ deviceId, generationId, lastSeen }) =>
      lastSeen === undefined
        ? []
        : [{ deviceId, generationId, at: lastSeen.enqueuedAt, key: `${deviceId}|${generationId ?? ""}` }],
    );
    const fresh = named.filter(({ key }) => !noticed.has(key));
    if (fresh.length === 0) return;
    await devices.see(fresh.map(({ deviceId, generationId, at }) => ({ deviceId, generationId, hub: undefined, at })));
    if (noticed.size + fresh.length > REMEMBERED) noticed.clear();
    for (const { key } of fresh) noticed.add(key);
  };
}
