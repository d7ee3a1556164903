import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { spawnHost, type HostProcess, type SpawnOptions } from "../../lab/functions-host/host";
import { breachAlert, startBreachFleet, type BreachFleet } from "../../lab/scenarios/breach-fleet";
import type { StatedDevice } from "../../lab/scenarios/evidence";
import { startLabServices, type LabServices, type LabServicesOptions } from "../../lab/scenarios/lab-services";
import { productAt, type Product, type RollStatus } from "../../lab/scenarios/product";

/** A lab, a small fleet and the app in a host that tests may kill. */
export interface RollLab {
  readonly services: LabServices;
  readonly devices: BreachFleet;
  /** What alerts are signed with. */
  readonly secret: string;
  /** The product at the host of the moment; undefined while none runs. */
  product(): Product | undefined;
  /** Starts a host on the same store; `crash`: where it is to end itself; `profile`: with what Azure does to messages. */
  startHost(how?: Pick<SpawnOptions, "crash" | "profile" | "workers" | "log">): Promise<HostProcess>;
  alert(id: string): string;
  /** What each direct method did, as the hub saw it. */
  readonly asked: readonly { readonly deviceId: string; readonly at: number }[];
  stop(): Promise<void>;
}

export async function startRollLab(
  o: {
    readonly devices?: number;
    readonly breached?: number;
    /** Settings of the app, over the lab's. */
    readonly settings?: Readonly<Record<string, string>> | ((services: LabServices) => Record<string, string>);
  } & Pick<LabServicesOptions, "hubSwitches"> = {},
): Promise<RollLab> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-e2e-"));
  const services = await startLabServices({
    hubEvents: true,
    folder,
    dpsSwitches: { retryAfterSeconds: 0.2 },
    ...(o.hubSwitches === undefined ? {} : { hubSwitches: o.hubSwitches }),
  });
  const secret = randomBytes(24).toString("hex");
  const devices = startBreachFleet(services, {
    total: o.devices ?? 4,
    breached: o.breached ?? 3,
    timing: { heartbeatMs: 400 },
  });
  let host: HostProcess | undefined;
  const asked: { deviceId: string; at: number }[] = [];
  services.faults.observe(({ operation, subject }) => {
    if (operation === "hub.method.invoke") asked.push({ deviceId: subject, at: Date.now() });
  });
  return {
    services,
    devices,
    secret,
    asked,
    product: () => (host === undefined ? undefined : productAt(host.url, secret)),
    startHost: async (how = {}) => {
      const started = await spawnHost({
        appDir: resolve("."),
        port: 0,
        storeFile: join(folder, "host.db"),
        settings: {
          ...services.settings(secret),
          ...(typeof o.settings === "function" ? o.settings(services) : o.settings),
        },
        ...everyHost,
        ...how,
      });
      host = started;
      void started.exited.then(() => {
        if (host === started) host = undefined;
      });
      return started;
    },
    alert: (id) => breachAlert(id, devices.victims, new Date()),
    stop: async () => {
      await host?.stop();
      await devices.fleet.stop();
      await services.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** How every host runs: `ROLLCALL_E2E_HOST={"profile":"azure-storage","workers":3}` puts all e2e tests under Azure's delays. */
const everyHost = z
  .object({ profile: z.enum(["none", "azure-storage"]).optional(), workers: z.int().positive().optional() })
  .transform(({ profile, workers }) => ({
    ...(profile === undefined ? {} : { profile }),
    ...(workers === undefined ? {} : { workers }),
  }))
  .parse(JSON.parse(process.env["ROLLCALL_E2E_HOST"] ?? "{}"));

/** Looks until `done` says so; a host that is away in between is waited for. Fails after `patienceMs`. */
export async function rollUntil(
  lab: RollLab,
  rollId: string,
  done: (roll: RollStatus, devices: readonly StatedDevice[]) => boolean,
  patienceMs = 60_000,
): Promise<{ readonly roll: RollStatus; readonly devices: readonly StatedDevice[] }> {
  const giveUpAt = Date.now() + patienceMs;
  let last: unknown;
  while (Date.now() < giveUpAt) {
    try {
      const product = lab.product();
      if (product !== undefined) {
        const [roll, devices] = [await product.roll(rollId), await product.devices(rollId)];
        last = { roll, devices };
        if (done(roll, devices)) return { roll, devices };
      }
    } catch (error) {
      last = error;
    }
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error(`the roll did not get there in ${patienceMs} ms: ${JSON.stringify(last, undefined, 1)}`);
}
