import { randomBytes } from "node:crypto";
import type { CertificateAuthority } from "../../lab/pki/certificates";
import { startTestDps } from "./lab-dps";
import {
  armClient,
  connectionFields,
  registerHttps,
  registerMqtt,
  sasFor,
  sendRaw,
  serviceClient,
  type DeviceCredential,
  type RawResponse,
} from "./lab-dps-clients";

/** A DPS that the contract suite is run against: the lab's, or a real one. */
export interface DpsTarget {
  readonly service: ReturnType<typeof serviceClient>;
  readonly arm: ReturnType<typeof armClient>;
  readonly resourceGroup: string;
  readonly dpsName: string;
  readonly idScope: string;
  /** An id of its own for this run, so that a real instance can be shared. */
  id(name: string): string;
  register(
    transport: "mqtt" | "https",
    registrationId: string,
    credential: DeviceCredential,
  ): Promise<Record<string, unknown>>;
  /** An authorized request of the service API. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<RawResponse>;
  /** A request of the device API. */
  deviceCall(method: string, path: string, body: unknown, credential?: DeviceCredential): Promise<RawResponse>;
  /** Uploads a CA certificate as verified and waits until registrations see it. */
  trust(authority: CertificateAuthority, name: string): Promise<void>;
  /** Takes back what the run has made. */
  close(): Promise<void>;
}

const run = randomBytes(4).toString("hex");
const runId = (name: string) => `rc${run}-${name}`;

/** A lab of its own, thrown away at the end. */
export async function labTarget(): Promise<DpsTarget> {
  const lab = await startTestDps();
  return {
    ...lab,
    resourceGroup: "rg",
    dpsName: lab.dps.name,
    idScope: lab.dps.idScope,
    id: runId,
    register: (transport, id, credential) => lab[transport](id, credential),
    deviceCall: (method, path, body, credential) =>
      lab.raw(deviceRequest(lab.dps.idScope, method, path, body, credential)),
    trust: (authority, name) => {
      lab.dps.store.addVerifiedCa(authority.certificatePem, name);
      return Promise.resolve();
    },
    close: () => lab.stop(),
  };
}

/** What the environment has to name for a run against a real instance. */
export interface LiveSettings {
  /** ROLLCALL_LIVE_DPS: a connection string with all rights. */
  readonly connectionString: string;
  /** ROLLCALL_LIVE_DPS_ID_SCOPE */
  readonly idScope: string;
  /** ROLLCALL_LIVE_DPS_RESOURCE: the ARM resource id of the instance; a hub has to be linked to it. */
  readonly resource: string;
  /** ROLLCALL_LIVE_ARM_TOKEN: a bearer token for https://management.azure.com. */
  readonly armToken: string;
}

/** What the environment says; undefined unless all of it is there. */
export function liveSettings(env: NodeJS.ProcessEnv = process.env): LiveSettings | undefined {
  const connectionString = env["ROLLCALL_LIVE_DPS"];
  const idScope = env["ROLLCALL_LIVE_DPS_ID_SCOPE"];
  const resource = env["ROLLCALL_LIVE_DPS_RESOURCE"];
  const armToken = env["ROLLCALL_LIVE_ARM_TOKEN"];
  return connectionString && idScope && resource && armToken
    ? { connectionString, idScope, resource, armToken }
    : undefined;
}

/** A real instance. It is left as it was, but for registration records that the service itself keeps. */
export function liveTarget({ connectionString, idScope, resource, armToken }: LiveSettings): DpsTarget {
  const [, , subscription = "", , resourceGroup = "", , , , dpsName = ""] = resource.split("/");
  const { host } = connectionFields(connectionString);
  const arm = armClient(() => armToken, subscription, undefined);
  const service = serviceClient(connectionString, undefined);
  return {
    service,
    arm,
    resourceGroup,
    dpsName,
    idScope,
    id: runId,
    register: (transport, id, credential) =>
      (transport === "mqtt" ? registerMqtt : registerHttps)(idScope, id, credential, undefined),
    call: (method, path, body, headers = {}) =>
      sendRaw(serviceRequest(connectionString, method, path, body, headers), host, undefined),
    deviceCall: (method, path, body, credential) =>
      sendRaw(deviceRequest(idScope, method, path, body, credential), host, undefined),
    trust: async (authority, name) => {
      const certificate = new Uint8Array(authority.der);
      await arm.dpsCertificate.createOrUpdate(resourceGroup, dpsName, name, {
        properties: { isVerified: true, certificate },
      });
      await new Promise((resolve) => setTimeout(resolve, 30_000));
    },
    close: async () => {
      for (const kind of ["enrollments", "enrollmentGroups"] as const) {
        const listed = await sendRaw(
          serviceRequest(connectionString, "POST", `/${kind}/query`, { query: "SELECT *" }, {}),
          host,
          undefined,
        );
        for (const id of idsIn(listed.json)) {
          if (id.startsWith(runId(""))) {
            await sendRaw(serviceRequest(connectionString, "DELETE", `/${kind}/${id}`, undefined, {}), host, undefined);
          }
        }
      }
      const { value = [] } = await arm.dpsCertificate.list(resourceGroup, dpsName);
      for (const { name = "", etag = "" } of value) {
        if (name.startsWith(runId(""))) await arm.dpsCertificate.delete(resourceGroup, etag, dpsName, name);
      }
    },
  };
}

function serviceRequest(
  connectionString: string,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
) {
  return {
    method,
    path: `${path}?api-version=2021-10-01`,
    headers: {
      authorization: sasFor(connectionString),
      ...(body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

function deviceRequest(idScope: string, method: string, path: string, body: unknown, credential?: DeviceCredential) {
  return {
    method,
    host: "global.azure-devices-provisioning.net",
    path: `/${idScope}/registrations/${path}?api-version=2019-03-31`,
    headers: { "content-type": "application/json; charset=utf-8" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(credential ? { credential } : {}),
  };
}

function idsIn(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) =>
    typeof item === "object" && item !== null
      ? Object.entries(item).flatMap(([key, value]): string[] =>
          ["registrationId", "enrollmentGroupId"].includes(key) && typeof value === "string" ? [value] : [],
        )
      : [],
  );
}
