import { NoRetry } from "azure-iot-common";
import { Client, Message, X509AuthenticationProvider } from "azure-iot-device";
import type { DeviceMethodRequest, DeviceMethodResponse } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import { MqttBase } from "azure-iot-mqtt-base";
import { ProvisioningDeviceClient } from "azure-iot-provisioning-device";
import { Mqtt as ProvisioningMqtt } from "azure-iot-provisioning-device-mqtt";
import { X509Security } from "azure-iot-security-x509";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import type { DeviceCredential } from "./credential";
import type { Dialer } from "./dialer";
import { globalDpsHostName } from "./mqtt-transport";
import { HubUnauthorized, messageOf } from "./transport";
import type { DeviceMessage, DeviceTransport, HubRequest, HubSession, RegistrationOutcome } from "./transport";

export interface SdkTransportOptions {
  readonly dial: Dialer;
  readonly idScope: string;
}

/** The SDKs enable methods by name, so they must be told which ones the contract has. */
const contractMethods = ["prepareCertificate", "reprovision", "report", "commit"];

/**
 * The official device SDKs as a transport: the proof that the agent and the lab speak what Microsoft's own code speaks.
 * Only the socket is ours, through the `mqttProvider` that `MqttBase` takes; retries are off, because the agent decides.
 */
export function sdkTransport(options: SdkTransportOptions): DeviceTransport {
  return {
    register: (registrationId, credential) => register(options, registrationId, credential),
    openHub: (request) => openHub(options.dial, request),
  };
}

async function register(
  options: SdkTransportOptions,
  registrationId: string,
  credential: DeviceCredential,
): Promise<RegistrationOutcome> {
  const x509 = { cert: credential.chainPem, key: credential.privateKeyPem };
  try {
    const client = ProvisioningDeviceClient.create(
      globalDpsHostName,
      options.idScope,
      new ProvisioningMqtt(foreignMqttBase(mqttBaseOver(options.dial, credential))),
      new X509Security(registrationId, x509),
    );
    const result: unknown = await client.register();
    if (isAssignment(result)) {
      return { status: "assigned", hubHostName: result.assignedHub, deviceId: result.deviceId };
    }
    return { status: "refused", reason: "unreadable" };
  } catch (error) {
    // The SDK turns `disabled` into a SyntaxError; like every other refusal it is a reason to ask again later.
    return { status: "refused", reason: messageOf(error) };
  }
}

function isAssignment(value: unknown): value is { assignedHub: string; deviceId: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "assignedHub" in value &&
    typeof value.assignedHub === "string" &&
    "deviceId" in value &&
    typeof value.deviceId === "string"
  );
}

async function openHub(dial: Dialer, request: HubRequest): Promise<HubSession> {
  const { hubHostName, deviceId, moduleId, credential } = request;
  if (moduleId !== undefined) throw new Error("Modules connect by the fleet's own transport only.");
  const x509 = { cert: credential.chainPem, key: credential.privateKeyPem };
  const base = mqttBaseOver(dial, credential);
  class PinnedMqtt extends Mqtt {
    constructor(provider: ConstructorParameters<typeof Mqtt>[0]) {
      super(provider, base);
    }
  }
  const provider = X509AuthenticationProvider.fromX509Options(deviceId, hubHostName, x509);
  const client = Client.fromAuthenticationProvider(provider, PinnedMqtt);
  client.setRetryPolicy(new NoRetry());
  client.on("error", () => undefined); // also told as a disconnect; without a listener it would end the process
  let open = true;
  const closed = new Promise<string>((resolve) => {
    client.on("disconnect", (why: unknown) => {
      open = false;
      resolve(messageOf(why));
    });
  });
  try {
    await client.open();
  } catch (error) {
    throw isUnauthorized(error) ? new HubUnauthorized(messageOf(error)) : error;
  }
  for (const name of contractMethods) {
    client.onDeviceMethod(name, (call, response) => {
      void answer(request, call, response);
    });
  }
  return {
    get open() {
      return open;
    },
    closed,
    send: async (message) => {
      await client.sendEvent(sdkMessage(message));
    },
    close: () => {
      if (!open) return;
      open = false;
      client.emit("disconnect", "closed by the device");
      void client.close().catch(() => undefined);
    },
  };
}

async function answer(request: HubRequest, call: DeviceMethodRequest, response: DeviceMethodResponse): Promise<void> {
  try {
    const { status, payload } = await request.onMethod(call.methodName, call.payload as unknown);
    await response.send(status, payload ?? {});
  } catch {
    // The session ended while the answer was on its way: nobody is left to answer to.
  }
}

function sdkMessage(message: DeviceMessage): Message {
  const sent = new Message(message.body ?? "");
  if (message.contentType !== undefined) {
    sent.contentType = message.contentType;
    sent.contentEncoding = "utf-8";
  }
  for (const [name, value] of Object.entries(message.properties)) sent.properties.add(name, value);
  return sent;
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof Error && error.name === "UnauthorizedError";
}

interface SdkMqtt {
  readonly MqttClient: new (build: () => Duplex, options: object) => unknown;
}

function mqttBaseOver(dial: Dialer, credential: DeviceCredential): MqttBase {
  // The SDKs pin mqtt 4 and use its internals, so the client must be of the version they brought along.
  const requireForSdk = createRequire(createRequire(__filename).resolve("azure-iot-mqtt-base"));
  const { MqttClient } = requireForSdk("mqtt") as SdkMqtt;
  return new MqttBase({
    connect: (uri: string, options: object) => new MqttClient(() => dial(new URL(uri).hostname, credential), options),
  });
}

/** The provisioning package brings its own copy of `MqttBase`, alike but for its private fields' identity. */
function foreignMqttBase(base: MqttBase): NonNullable<ConstructorParameters<typeof ProvisioningMqtt>[0]> {
  return base as unknown as NonNullable<ConstructorParameters<typeof ProvisioningMqtt>[0]>;
}
