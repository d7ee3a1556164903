import { realClock } from "../clock";
import type { LabClock } from "../clock";
import type { Behaviour } from "./behaviours";
import type { DeviceCredential } from "./credential";
import { Device } from "./device";
import type { DeviceSnapshot, DeviceTiming } from "./device-options";
import type { DeviceStore } from "./device-state";
import { tlsDialer } from "./dialer";
import type { Dialer, Endpoint } from "./dialer";
import { globalDpsHostName, mqttTransport } from "./mqtt-transport";
import { seededRandom } from "./random";
import type { DeviceTransport } from "./transport";

export interface DeviceSpec {
  readonly registrationId: string;
  readonly active: DeviceCredential;
  /** None: the device cannot heal itself once its active leaf is refused everywhere. */
  readonly standby?: DeviceCredential;
  readonly behaviour?: Behaviour;
  readonly store?: DeviceStore;
  /** Default: mqtt.js over TLS. */
  readonly transport?: DeviceTransport;
}

/** A fleet that reaches its services over TLS. */
export interface FleetOptions extends FleetSettings {
  /** Where the device side of DPS listens. `ca`: PEM of the authority that signed the servers' certificates. */
  readonly dps: Endpoint & { readonly idScope: string; readonly ca: string };
  /** Where a hub of that name listens for MQTT. @throws Error for a hub that does not exist. */
  hub(hostName: string): Endpoint;
}

/** A fleet that reaches its services as it is told to: `memoryDialer` for thousands of devices without TLS. */
export interface DialledFleetOptions extends FleetSettings {
  readonly dial: Dialer;
  readonly dps: { readonly idScope: string };
}

export interface FleetSettings {
  readonly devices: readonly DeviceSpec[];
  readonly timing?: Partial<DeviceTiming>;
  readonly clock?: LabClock;
  /** Of the jitter. Default 1. */
  readonly seed?: number;
  /** How many devices start at once; the next starts as one of them has been assigned. Default 8. */
  readonly startWidth?: number;
  /** Called after each change of a device. */
  readonly onChange?: (device: DeviceSnapshot) => void;
}

export interface Fleet {
  readonly devices: readonly Device[];
  /** @throws Error when there is no such device. */
  device(registrationId: string): Device;
  snapshots(): DeviceSnapshot[];
  /** Resolves when every device that is not offline has a session with its hub. */
  connected(): Promise<void>;
  stop(): Promise<void>;
}

/** The dialer of a fleet: DPS by its global name, every other name is a hub. */
export function fleetDialer(options: Pick<FleetOptions, "dps" | "hub">): Dialer {
  return tlsDialer({
    caPem: options.dps.ca,
    resolve: (hostName) => (hostName === globalDpsHostName ? options.dps : options.hub(hostName)),
  });
}

/** Starts a device agent per specification, all in this process. */
export function startFleet(options: FleetOptions | DialledFleetOptions): Fleet {
  const clock = options.clock ?? realClock;
  const random = seededRandom(options.seed ?? 1);
  const dial = "dial" in options ? options.dial : fleetDialer(options);
  const transport = mqttTransport({ dial, dps: { idScope: options.dps.idScope }, clock });
  const watchers = new Set<() => void>();
  const devices = options.devices.map((spec): Device => {
    const device: Device = new Device({
      registrationId: spec.registrationId,
      transport: spec.transport ?? transport,
      active: spec.active,
      ...(spec.standby === undefined ? {} : { standby: spec.standby }),
      ...(spec.store === undefined ? {} : { store: spec.store }),
      ...(spec.behaviour === undefined ? {} : { behaviour: spec.behaviour }),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
      clock,
      random,
      onChange: () => {
        options.onChange?.(device.snapshot());
        for (const watcher of [...watchers]) watcher();
      },
    });
    return device;
  });

  const byId = new Map(devices.map((device) => [device.registrationId, device]));

  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });
  const settled = (device: Device): boolean => device.isConnected() || device.isOffline();

  // Asked after every change of every device: while the one that was not settled still is not, nobody else is asked.
  const allSettled = (): (() => boolean) => {
    let unsettled = devices.find((device) => !settled(device));
    return () => {
      if (unsettled !== undefined && !settled(unsettled)) return false;
      unsettled = devices.find((device) => !settled(device));
      return unsettled === undefined;
    };
  };

  let stopping = false;
  // A handshake costs a core some milliseconds: started all at once they would time out in a queue of their own making.
  const startLane = async (lane: number, width: number): Promise<void> => {
    for (let index = lane; index < devices.length && !stopping; index += width) {
      const device = devices[index];
      device?.start();
      if (device !== undefined) await until(() => stopping || settled(device) || device.hasFailed());
    }
  };
  const width = options.startWidth ?? 8;
  for (let lane = 0; lane < width; lane += 1) void startLane(lane, width);

  return {
    devices,
    device: (registrationId) => {
      const found = byId.get(registrationId);
      if (found === undefined) throw new Error(`There is no device ${registrationId} in this fleet.`);
      return found;
    },
    snapshots: () => devices.map((device) => device.snapshot()),
    connected: () => until(allSettled()),
    stop: async () => {
      stopping = true;
      for (const watcher of [...watchers]) watcher();
      await Promise.all(devices.map((device) => device.stop()));
    },
  };
}
