import { Client as DeviceClient, X509AuthenticationProvider } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import { NoRetry } from "azure-iot-common";
import { MqttBase } from "azure-iot-mqtt-base";
import { Client, JobClient, Registry } from "azure-iothub";
import { RestApiClient } from "azure-iothub/dist/common-http/rest_api_client";
import { createHmac } from "node:crypto";
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { Agent, request } from "node:https";
import { connect, type MqttClient } from "mqtt";
import { Faults } from "../../../lab/faults/faults";
import { startEventHubs, type EventHubs } from "../../../lab/event-hubs/server";
import { x509Authentication } from "../../../lab/iot-hub/identity";
import { startIotHub, type IotHub, type IotHubOptions } from "../../../lab/iot-hub/server";
import {
  createRoot,
  generateKeyPair,
  issueLeaf,
  issueServerCertificate,
  selfSignedLeaf,
  type CertificateAuthority,
  type LabCertificate,
} from "../../../lab/pki/certificates";

/** One hub with its event hubs, and the official clients pointed at it. */
export interface HubHarness {
  readonly hub: IotHub;
  readonly events: EventHubs;
  readonly faults: Faults;
  readonly root: CertificateAuthority;
  readonly registry: Registry;
  readonly service: Client;
  readonly jobs: JobClient;
  /** A leaf for a device, and the device in the registry with its thumbprint. */
  provision(deviceId: string): LabCertificate;
  leaf(commonName: string): LabCertificate;
  /** A raw MQTT client; resolves when connected, rejects with the CONNACK code. */
  mqtt(deviceId: string, leaf: LabCertificate | undefined, more?: MqttOptions): Promise<MqttClient>;
  /** The official device client, not yet opened. */
  deviceClient(deviceId: string, leaf: LabCertificate): DeviceClient;
  /** A raw request with a good token; `headers` may replace it. */
  raw(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<RawAnswer>;
  stop(): Promise<void>;
}

export interface MqttOptions {
  readonly clientId?: string;
  readonly username?: string;
  readonly password?: string;
  readonly keepalive?: number;
  readonly will?: { topic: string; payload: Buffer; qos: 0 | 1; retain: boolean };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export const hostName = "lab-hub.azure-devices.net";

export async function startHarness(options: Partial<IotHubOptions> = {}): Promise<HubHarness> {
  const root = createRoot({ commonName: "Lab server root" });
  const serverCertificate = issueServerCertificate({
    issuer: root,
    dnsNames: ["localhost", "*.azure-devices.net"],
    ipAddresses: ["127.0.0.1"],
  });
  const faults = new Faults();
  const events = await startEventHubs();
  const hub = await startIotHub({ hostName, serverCertificate, events, faults, ...options }).catch(
    async (error: unknown) => {
      await events.stop();
      throw error;
    },
  );
  const devicesRoot = createRoot({ commonName: "Devices" });
  const agent = new Agent({ host: "127.0.0.1", port: hub.servicePort, ca: root.certificatePem, keepAlive: true });
  const closing: (() => unknown)[] = [];

  const restClient = () =>
    new RestApiClient({ host: hostName, sharedAccessSignature: tokenFor(hub.connectionString) }, "lab-tests/1");
  const pinned = <T>(build: (client: RestApiClient) => T): T => {
    const client = restClient();
    const built = build(client);
    client.setOptions({ http: { agent } }); // the constructors replace the agent, so it is set afterwards
    return built;
  };
  const service = pinned(
    (client) => new Client(new EventEmitter() as unknown as ConstructorParameters<typeof Client>[0], client),
  );
  service.setRetryPolicy(new NoRetry());

  return {
    hub,
    events,
    faults,
    root,
    registry: pinned(
      (client) => new Registry({ host: hostName, sharedAccessSignature: tokenFor(hub.connectionString) }, client),
    ),
    service,
    jobs: pinned((client) => new JobClient(client)),
    provision: (deviceId) => {
      const leaf = issueLeaf({ commonName: deviceId, issuer: devicesRoot });
      hub.store.seed(deviceId, { authentication: x509Authentication(leaf.sha256Thumbprint) });
      return leaf;
    },
    leaf: (commonName) => selfSignedLeaf({ commonName, keyPair: generateKeyPair() }),
    mqtt: (deviceId, leaf, more = {}) => {
      const client = connect({
        protocol: "mqtts",
        host: "127.0.0.1",
        port: hub.mqttPort,
        servername: hostName,
        ca: root.certificatePem,
        clientId: deviceId,
        username: `${hostName}/${deviceId}/?api-version=2021-04-12`,
        clean: true,
        reconnectPeriod: 0,
        ...(leaf ? { cert: leaf.chainPem, key: leaf.privateKeyPem } : {}),
        ...more,
      });
      closing.push(() => client.end(true));
      return new Promise((resolve, reject) => {
        client.once("connect", () => resolve(client));
        client.on("error", reject);
        client.once("close", () => reject(new Error("closed")));
      });
    },
    deviceClient: (deviceId, leaf) => {
      const provider = {
        connect: (_uri: string, given: Record<string, unknown>) =>
          mqtt4().connect(`mqtts://127.0.0.1:${hub.mqttPort}`, {
            ...given,
            servername: hostName,
            ca: root.certificatePem,
          }),
      };
      const authentication = X509AuthenticationProvider.fromX509Options(deviceId, hostName, {
        cert: leaf.chainPem,
        key: leaf.privateKeyPem,
      });
      const transport = new Mqtt(authentication, new MqttBase(provider));
      const client = new DeviceClient(transport);
      client.setRetryPolicy(new NoRetry());
      closing.push(() => client.close().catch(() => undefined));
      return client;
    },
    raw: (method, path, body, headers) => rawRequest(agent, hub.connectionString, method, path, body, headers),
    stop: async () => {
      for (const close of closing.splice(0)) await close();
      agent.destroy();
      await hub.stop();
      await events.stop();
    },
  };
}

/** Resolves once `enough` holds; asks again every few milliseconds. */
export async function until(enough: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await enough())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function tokenFor(connectionString: string, resource = hostName, lifeSeconds = 3_600): string {
  const fields = new Map(
    connectionString.split(";").map((part): [string, string] => {
      const at = part.indexOf("=");
      return [part.slice(0, at), part.slice(at + 1)];
    }),
  );
  const expiry = Math.trunc(Date.now() / 1_000) + lifeSeconds;
  const signature = createHmac("sha256", Buffer.from(fields.get("SharedAccessKey") ?? "", "base64"))
    .update(`${encodeURIComponent(resource)}\n${expiry}`)
    .digest("base64");
  const policy = fields.get("SharedAccessKeyName");
  return (
    `SharedAccessSignature sr=${encodeURIComponent(resource)}&sig=${encodeURIComponent(signature)}&se=${expiry}` +
    (policy === undefined ? "" : `&skn=${policy}`)
  );
}

function rawRequest(
  agent: Agent,
  connectionString: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const call = request(
      {
        agent,
        host: hostName,
        method,
        path: path.includes("api-version") ? path : `${path}${path.includes("?") ? "&" : "?"}api-version=2021-04-12`,
        headers: {
          authorization: tokenFor(connectionString),
          "content-type": "application/json; charset=utf-8",
          "content-length": Buffer.byteLength(text),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString("utf8");
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: answer === "" ? undefined : (JSON.parse(answer) as unknown),
          });
        });
      },
    );
    call.on("error", reject);
    call.end(text);
  });
}

/** The mqtt.js that the device SDK brings along: it pins an older major than ours. */
function mqtt4(): { connect(uri: string, options: Record<string, unknown>): unknown } {
  const fromBase = createRequire(createRequire(__filename).resolve("azure-iot-mqtt-base"));
  return fromBase("mqtt") as { connect(uri: string, options: Record<string, unknown>): unknown };
}
