import type { DeviceView } from "../../contract/registry-api";
import type { HubHostName } from "../../domain/ids";
import { formatInstant } from "../../domain/instant";
import type { DeviceData } from "../../domain/registry/device-data";
import { RollError } from "../../domain/roll-error";
import type { RegisteredDevice } from "../../ports/hubs";

/** A device as operators see it. Throws `store-corrupt` where its data is gone though it was just written. */
export function toDeviceView(hub: HubHostName, device: RegisteredDevice, data: DeviceData | undefined): DeviceView {
  if (data === undefined) throw new RollError("store-corrupt", `the data of ${device.deviceId} is gone`, false);
  const { firstSeenAt, generationSince, generations, metadata } = data;
  return {
    ...toListedView(hub, device),
    data: {
      firstSeenAt: formatInstant(firstSeenAt),
      generationSince: formatInstant(generationSince),
      generations: generations.length,
      metadata,
    },
  };
}

export function toListedView(hub: HubHostName, device: RegisteredDevice): Omit<DeviceView, "data"> {
  const { statusReason, primaryThumbprint, secondaryThumbprint, ...always } = device;
  return {
    hub,
    ...always,
    ...(statusReason === undefined ? {} : { statusReason }),
    ...(primaryThumbprint === undefined ? {} : { primaryThumbprint }),
    ...(secondaryThumbprint === undefined ? {} : { secondaryThumbprint }),
  };
}
