import { EventEmitter } from "node:events";
import { Agent } from "node:https";
import type { TokenCredential } from "@azure/identity";
import { SharedAccessSignature as DpsSignature } from "azure-iot-common";
import { RestApiClient as DpsRestApiClient } from "azure-iot-http-base";
import { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import { Client } from "azure-iothub/dist/client";
import { NoRetry } from "azure-iothub/dist/common-core/retry_policy";
import { RestApiClient as HubRestApiClient } from "azure-iothub/dist/common-http/rest_api_client";
import { JobClient } from "azure-iothub/dist/job_client";
import { Registry } from "azure-iothub/dist/registry";
import { create as createHubSignature } from "azure-iothub/dist/shared_access_signature";
import type { Loopback } from "../../config/settings";
import type { ServiceAccess } from "../../config/variables";
import { DpsHttp, HubHttp } from "./bounded-http";
import { appIdentity, loopbackIdentity } from "./credentials";

/** The one place where SDK clients are made: every request goes through its agents, ends in time and is never retried. */
export interface Transport {
  /** Every call to Azure ends within this time. */
  readonly timeoutMs: number;
  /** The DPS data plane. */
  dps(access: ServiceAccess): ProvisioningServiceClient;
  /** Identity registry, direct methods and jobs of one hub; they share their connections. */
  hub(access: ServiceAccess): { readonly registry: Registry; readonly methods: Client; readonly jobs: JobClient };
  /** Connections for this host: kept alive, and leading to this machine if the host is pinned. */
  agent(host: string): Agent;
  /** The app's identity, or a stand-in that asks nobody where this machine serves the host. */
  credential(host: string): TokenCredential;
  /** Closes idle connections. */
  close(): void;
}

const USER_AGENT = "rollcall/1";
/** Scopes of the two data planes (Microsoft docs: control access to DPS and to IoT Hub with Microsoft Entra ID). */
const DPS_SCOPE = "https://azure-devices-provisioning.net/.default";
const HUB_SCOPE = "https://iothubs.azure.net/.default";
/** The SDKs sign again at each call, for one more hour; the expiry a signature is made with is never sent. */
const UNUSED_EXPIRY = 1;
/** Connections per host: a batch has at most 90 devices, and more in flight would only wait in the service. */
const MAX_SOCKETS = 32;

/** `loopback` pins host names to ports of this machine; in Azure it is undefined. */
export function createTransport(o: { readonly timeoutMs: number; readonly loopback: Loopback | undefined }): Transport {
  const agents = new Map<string, Agent>();
  let identity: TokenCredential | undefined;

  const agent = (host: string): Agent => {
    const known = agents.get(host);
    if (known !== undefined) return known;
    const made = pinnedAgent(o.loopback, host, o.timeoutMs);
    agents.set(host, made);
    return made;
  };
  const credential = (host: string): TokenCredential => {
    if (o.loopback?.ports.has(host) === true) return loopbackIdentity(o.loopback.tokens);
    return (identity ??= appIdentity());
  };

  return {
    timeoutMs: o.timeoutMs,
    agent,
    credential,

    dps(access) {
      const { host } = access;
      const config =
        access.kind === "sas"
          ? { host, sharedAccessSignature: DpsSignature.create(host, access.keyName, access.key, UNUSED_EXPIRY) }
          : { host, tokenCredential: credential(host), tokenScope: DPS_SCOPE };
      const http = new DpsHttp({ agent: agent(host), timeoutMs: o.timeoutMs });
      const rest = new DpsRestApiClient(config, USER_AGENT, http);
      // The SDK nests an older copy of the same classes; their private fields make the types foreign to each other.
      type Nested = ConstructorParameters<typeof ProvisioningServiceClient>;
      return new ProvisioningServiceClient(config as unknown as Nested[0], rest as unknown as Nested[1]);
    },

    hub(access) {
      const { host } = access;
      const config =
        access.kind === "sas"
          ? { host, sharedAccessSignature: createHubSignature(host, access.keyName, access.key, UNUSED_EXPIRY) }
          : { host, tokenCredential: credential(host), tokenScope: HUB_SCOPE };
      const http = new HubHttp({ agent: agent(host), timeoutMs: o.timeoutMs });
      const rest = new HubRestApiClient(config, USER_AGENT, http);
      // Direct methods go over HTTPS; the AMQP transport that the constructor asks for is never opened.
      const methods = new Client(new EventEmitter() as unknown as Client.Transport, rest);
      // Left to itself it repeats a method for four minutes, and a method that ran twice cannot be taken back.
      methods.setRetryPolicy(new NoRetry());
      return { registry: new Registry(config, rest), methods, jobs: new JobClient(rest) };
    },

    close() {
      for (const made of agents.values()) made.destroy();
    },
  };
}

/**
 * An agent's own options win over a request's in Node.js, so the request keeps the real host name (in the Host header, the
 * SAS resource, SNI and the certificate check) while its socket leads to this machine.
 */
function pinnedAgent(loopback: Loopback | undefined, host: string, timeoutMs: number): Agent {
  const port = loopback?.ports.get(host);
  // `timeout` also makes the agent heed the server's Keep-Alive hint, so that it does not reuse a connection about to close.
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: timeoutMs };
  return loopback === undefined || port === undefined
    ? new Agent(options)
    : new Agent({ ...options, host: "127.0.0.1", port, ca: loopback.caPem });
}
