import { IotDpsClient } from "@azure/arm-deviceprovisioningservices";
import { SharedAccessSignature } from "azure-iot-common";
import { Http as HttpBase, RestApiClient } from "azure-iot-http-base";
import { MqttBase } from "azure-iot-mqtt-base";
import { ProvisioningDeviceClient } from "azure-iot-provisioning-device";
import { Http } from "azure-iot-provisioning-device-http";
import { Mqtt } from "azure-iot-provisioning-device-mqtt";
import { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import { X509Security } from "azure-iot-security-x509";
import { Agent, request as httpsRequest, type AgentOptions } from "node:https";
import { createRequire } from "node:module";
import type { IncomingHttpHeaders } from "node:http";

/** Where a DPS is: a loopback port that stands in for the real host names, or (`undefined`) the real hosts. */
export interface Loopback {
  readonly servicePort: number;
  readonly mqttPort: number;
  readonly caPem: string;
}

/** What a device presents in TLS. */
export interface DeviceCredential {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

/** A request as it goes on the wire. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** The TLS client certificate. */
  readonly credential?: DeviceCredential;
  /** Default: the host of the connection string. */
  readonly host?: string;
}

/** An answer as it came, with its JSON. */
export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed; undefined for an empty body. */
  readonly json: unknown;
}

/** The host that all devices of all instances share. */
export const deviceHost = "global.azure-devices-provisioning.net";

function agentFor(loopback: Loopback | undefined, more: AgentOptions = {}): Agent {
  // The agent's host and port win over the request's, which keep the real name for SNI and the Host header.
  const pinned = loopback ? { host: "127.0.0.1", port: loopback.servicePort, ca: loopback.caPem } : {};
  return new Agent({ keepAlive: true, ...pinned, ...more });
}

/** Connection string to its fields. */
export function connectionFields(connectionString: string): { host: string; policy: string; key: string } {
  const fields = new Map(
    connectionString.split(";").map((field): [string, string] => {
      const at = field.indexOf("=");
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
  return {
    host: fields.get("HostName") ?? "",
    policy: fields.get("SharedAccessKeyName") ?? "",
    key: fields.get("SharedAccessKey") ?? "",
  };
}

/** An Authorization header for the service API. */
export function sasFor(connectionString: string, expiresAt = Math.floor(Date.now() / 1000) + 3600): string {
  const { host, policy, key } = connectionFields(connectionString);
  return SharedAccessSignature.create(host, policy, key, expiresAt).toString();
}

/** The official service client. `authorization`: a SAS connection string, or a token source. */
export function serviceClient(
  authorization: string | { host: string; token: () => string },
  loopback: Loopback | undefined,
): ProvisioningServiceClient {
  const config =
    typeof authorization === "string"
      ? { host: connectionFields(authorization).host, sharedAccessSignature: sasFor(authorization) }
      : {
          host: authorization.host,
          tokenScope: "https://azure-devices-provisioning.net/.default",
          tokenCredential: {
            getToken: () =>
              Promise.resolve({ token: authorization.token(), expiresOnTimestamp: Date.now() + 3_600_000 }),
          },
        };
  const restApiClient = new RestApiClient(config, "rollcall-tests/1");
  restApiClient.setOptions({ http: { agent: agentFor(loopback) } });
  // The package brings its own copy of RestApiClient: the same code, but TypeScript compares private members by origin.
  return new ProvisioningServiceClient(
    config,
    restApiClient as unknown as ConstructorParameters<typeof ProvisioningServiceClient>[1],
  );
}

/** The official ARM client, 5.1.0. */
export function armClient(token: (scope: string) => string, subscription: string, loopback: Loopback | undefined) {
  return new IotDpsClient(
    {
      getToken: (scopes) => {
        const scope = typeof scopes === "string" ? scopes : (scopes[0] ?? "");
        return Promise.resolve({ token: token(scope), expiresOnTimestamp: Date.now() + 3_600_000 });
      },
    },
    subscription,
    loopback
      ? { endpoint: `https://127.0.0.1:${loopback.servicePort}`, tlsOptions: { ca: loopback.caPem } }
      : undefined,
  );
}

/** Registers with the official device SDK over MQTT. */
export function registerMqtt(
  idScope: string,
  registrationId: string,
  credential: DeviceCredential,
  loopback: Loopback | undefined,
  payload?: object,
) {
  return register(idScope, registrationId, credential, mqttTransport(loopback), payload);
}

/** Registers with the official device SDK over HTTPS. */
export function registerHttps(
  idScope: string,
  registrationId: string,
  credential: DeviceCredential,
  loopback: Loopback | undefined,
  payload?: object,
) {
  const base = new HttpBase();
  const { chainPem: cert, privateKeyPem: key } = credential;
  const agent = agentFor(loopback, { cert, key, keepAlive: false });
  // The transport sets its own options later; what has to stay is merged in every time.
  const setOptions = base.setOptions.bind(base);
  base.setOptions = (options: object) => {
    setOptions({ ...options, http: { agent } });
  };
  base.setOptions({});
  const transport = new Http(base as unknown as ConstructorParameters<typeof Http>[0]);
  return register(idScope, registrationId, credential, transport, payload);
}

async function register(
  idScope: string,
  registrationId: string,
  { chainPem: cert, privateKeyPem: key }: DeviceCredential,
  transport: Mqtt | Http,
  payload: object | undefined,
): Promise<Record<string, unknown>> {
  const security = new X509Security(registrationId, { cert, key });
  const client = ProvisioningDeviceClient.create(deviceHost, idScope, transport, security);
  if (payload) client.setProvisioningPayload(payload);
  const result = await client.register();
  return Object.fromEntries(Object.entries(result ?? {}));
}

function mqttTransport(loopback: Loopback | undefined): Mqtt {
  if (!loopback) return new Mqtt();
  // The SDK pins mqtt 4 and uses its internals, so the client has to be of its own version.
  const requireForSdk = createRequire(createRequire(__filename).resolve("azure-iot-mqtt-base"));
  const mqtt = requireForSdk("mqtt") as { connect(uri: string, options: object): unknown };
  const provider = {
    connect: (uri: string, options: object) =>
      mqtt.connect(`mqtts://127.0.0.1:${loopback.mqttPort}`, {
        ...options,
        servername: new URL(uri).hostname,
        ca: loopback.caPem,
      }),
  };
  return new Mqtt(new MqttBase(provider) as unknown as ConstructorParameters<typeof Mqtt>[0]);
}

/** One HTTPS request, for what the SDKs cannot send. */
export function sendRaw(request: RawRequest, host: string, loopback: Loopback | undefined): Promise<RawResponse> {
  const { credential } = request;
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: loopback ? "127.0.0.1" : (request.host ?? host),
        port: loopback?.servicePort ?? 443,
        servername: request.host ?? host,
        ...(loopback ? { ca: loopback.caPem } : {}),
        ...(credential ? { cert: credential.chainPem, key: credential.privateKeyPem } : {}),
        agent: false,
        method: request.method,
        path: request.path,
        headers: {
          host: request.host ?? host,
          // Node sends a GET's body bare, without a length, unless told.
          ...(request.body === undefined ? {} : { "content-length": Buffer.byteLength(request.body) }),
          ...request.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const json: unknown = text === "" ? undefined : JSON.parse(text);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(request.body);
  });
}
