import { labToken } from "../../lab/dps/authorization";
import { startDps, type Dps, type DpsOptions } from "../../lab/dps/server";
import {
  armClient,
  registerHttps,
  registerMqtt,
  sasFor,
  sendRaw,
  serviceClient,
  type DeviceCredential,
  type Loopback,
  type RawRequest,
  type RawResponse,
} from "./lab-dps-clients";
import { RecordingHub } from "./lab-dps-hub";
import { serverCertificate, serverRoot } from "./lab-dps-pki";

/** A DPS of its own for a test file, quick by its switches, with the official clients pointed at it. */
export async function startTestDps(options: Partial<DpsOptions> = {}) {
  const hub = new RecordingHub();
  const dps = await startDps({
    hubs: [hub],
    serverCertificate,
    ...options,
    switches: { assignDelayMs: 10, retryAfterSeconds: 0.02, caPropagationMs: 0, ...options.switches },
  });
  const loopback = loopbackOf(dps);
  return {
    dps,
    hub,
    loopback,
    service: serviceClient(dps.connectionString, loopback),
    arm: armClient((scope) => labToken({ audience: scope.replace(/\/\.default$/, "") }), "sub", loopback),
    mqtt: (id: string, credential: DeviceCredential, payload?: object) =>
      registerMqtt(dps.idScope, id, credential, loopback, payload),
    https: (id: string, credential: DeviceCredential, payload?: object) =>
      registerHttps(dps.idScope, id, credential, loopback, payload),
    raw: (request: RawRequest) => sendRaw(request, dps.serviceHostName, loopback),
    /** A raw call of the service API, authorized, with JSON. */
    call: (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<RawResponse> =>
      sendRaw(
        {
          method,
          path: `${path}?api-version=2021-10-01`,
          headers: {
            authorization: sasFor(dps.connectionString),
            ...(body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        },
        dps.serviceHostName,
        loopback,
      ),
    stop: () => dps.stop(),
  };
}

/** A DPS with its clients, as `startTestDps` makes it. */
export type TestDps = Awaited<ReturnType<typeof startTestDps>>;

function loopbackOf(dps: Dps): Loopback {
  return { servicePort: dps.servicePort, mqttPort: dps.mqttPort, caPem: serverRoot.certificatePem };
}

/** The body of an individual enrollment that holds these leaves. */
export function enrollmentOf(
  registrationId: string,
  primaryPem: string | null,
  secondaryPem: string | null = null,
  more: object = {},
) {
  const slot = (certificate: string | null) => (certificate === null ? null : { certificate });
  return {
    registrationId,
    attestation: {
      type: "x509",
      x509: { clientCertificates: { primary: slot(primaryPem), secondary: slot(secondaryPem) } },
    },
    ...more,
  };
}

/** The body of a group that trusts these signing certificates. */
export function groupOf(
  enrollmentGroupId: string,
  primaryPem: string | null,
  secondaryPem: string | null = null,
  more: object = {},
) {
  const slot = (certificate: string | null) => (certificate === null ? null : { certificate });
  return {
    enrollmentGroupId,
    attestation: {
      type: "x509",
      x509: { signingCertificates: { primary: slot(primaryPem), secondary: slot(secondaryPem) } },
    },
    ...more,
  };
}

/** The body of a group that refers to CA certificates by name. */
export function referringGroup(enrollmentGroupId: string, primary: string, secondary: string | null = null, more = {}) {
  return {
    enrollmentGroupId,
    attestation: { type: "x509", x509: { caReferences: { primary, secondary } } },
    ...more,
  };
}

/** A field of an unknown JSON value by its path. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}

/** What a promise rejects with; fails when it does not. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<{ name: string; message: string; [key: string]: unknown }> {
  try {
    await promise;
  } catch (error) {
    // Node's own errors are of another realm than the test's `Error`.
    if (typeof error === "object" && error !== null && "message" in error) {
      return { ...error, name: String(at(error, "name")), message: String(error.message) };
    }
    throw error;
  }
  throw new Error("It was not refused.");
}
