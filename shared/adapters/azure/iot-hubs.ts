import type { Clock } from "../../ports/clock";
import type { Hub, Hubs } from "../../ports/hubs";
import type { HubConnection, HubContext } from "./hub-connection";
import { hubIdentities } from "./hub-identities";
import { hubMethodJobs } from "./hub-method-jobs";
import { hubMethods } from "./hub-methods";
import { hubModules } from "./hub-modules";
import { hubRegistryJobs } from "./hub-registry-jobs";

/** `timeoutMs` bounds each call. `hub()` throws `RangeError` for a hub that is not among the settings. */
export function createHubs(connections: readonly HubConnection[], clock: Clock, timeoutMs: number): Hubs {
  const hubs = new Map(connections.map((connection) => [connection.hostName, createHub(connection, clock, timeoutMs)]));
  return {
    hostNames: [...hubs.keys()],
    hub(hostName) {
      const hub = hubs.get(hostName);
      if (hub === undefined)
        throw new RangeError(`no access to hub ${hostName}: add it to ROLLCALL_HUBS or ROLLCALL_HUB_CONNECTIONS`);
      return hub;
    },
  };
}

function createHub(connection: HubConnection, clock: Clock, timeoutMs: number): Hub {
  const context: HubContext = { ...connection, clock, timeoutMs, service: `IoT Hub ${connection.hostName}` };
  return {
    hostName: connection.hostName,
    ...hubIdentities(context),
    ...hubMethods(context),
    modules: hubModules(context),
    methodJobs: hubMethodJobs(context),
    registryJobs: hubRegistryJobs(context),
  };
}
