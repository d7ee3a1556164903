import { EventHubConsumerClient, earliestEventPosition, type ReceivedEventData } from "@azure/event-hubs";
import { randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repository, Workplace } from "./lab-process";

/** These start `dist/lab/main.js`, which `npm test` builds. */
let place: Workplace;

beforeEach(async () => {
  place = await Workplace.open();
});

afterEach(() => place.close());

/** The shell block of README's section on the lab that makes a device. */
async function readmeDevice(): Promise<string> {
  const readme = await readFile(join(repository, "README.md"), "utf8");
  const section = /^## The lab alone$([\s\S]*?)^## /m.exec(readme)?.[1] ?? "";
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
  return blocks.find((block) => block.includes("device.env")) ?? "exit 1";
}

async function firstEvent(connectionString: string): Promise<ReceivedEventData> {
  const client = new EventHubConsumerClient("$Default", connectionString);
  try {
    return await new Promise((resolve, reject) => {
      client.subscribe(
        {
          processEvents: async ([event]) => {
            if (event) resolve(event);
            await Promise.resolve();
          },
          processError: async (error) => {
            reject(error);
            await Promise.resolve();
          },
        },
        { startPosition: earliestEventPosition },
      );
    });
  } finally {
    await client.close();
  }
}

const quick = ["--switch", "dps.retryAfterSeconds=0", "--switch", "dps.assignDelayMs=10"];

test("the README's device, pasted as it stands, registers, connects and sends; the printed connection string reads it", async () => {
  const lab = await place.lab("--devices", "3");
  const device = await place.shell(await readmeDevice());
  expect(device).toEqual({ code: 0, output: "lab-device-1 sent a message to lab-hub.azure-devices.net\n" });
  const printed = /Endpoint=sb:\S+;EntityPath=lab-hub$/m.exec(lab.said())?.[0] ?? "";
  const event = await firstEvent(printed);
  expect(String(event.body)).toBe("hello from lab-device-1");
  expect(event.systemProperties).toMatchObject({ "iothub-connection-device-id": "lab-device-1" });
  expect(await lab.interrupt()).toBe(0);
});

/** What the service SDKs see of a lab, by nothing but its lab.env. */
const inventory = `
  const { Registry } = require("azure-iothub");
  const { ProvisioningServiceClient } = require("azure-iot-provisioning-service");
  const { IotDpsClient } = require("@azure/arm-deviceprovisioningservices");
  async function main() {
    const { responseBody: devices } = await Registry.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING).list();
    const dps = ProvisioningServiceClient.fromConnectionString(process.env.DPS_CONNECTION_STRING);
    const { responseBody: enrollment } = await dps.getIndividualEnrollment("lab-device-1");
    const { responseBody: registration } = await dps.getDeviceRegistrationState("lab-device-1");
    const [, , subscription, , group, , , , name] = process.env.DPS_RESOURCE_ID.split("/");
    const credential = { getToken: async () => ({ token: process.env.ARM_TOKEN, expiresOnTimestamp: Date.now() + 3e6 }) };
    const cas = await new IotDpsClient(credential, subscription).dpsCertificate.list(group, name);
    console.log(JSON.stringify({
      devices: devices.map(({ deviceId, generationId, authentication }) => ({ deviceId, generationId, authentication })),
      enrollment: enrollment.etag,
      registration: registration.status,
      cas: cas.value.map(({ name, properties }) => [name, properties.thumbprint, properties.isVerified]),
    }));
  }
  main();
`;

test("the ways to point an SDK at the lab from code, as --help tells them, work with what is printed", async () => {
  const lab = await place.lab("--devices", "1", ...quick);
  const [, https = "", dpsMqtt = ""] =
    /https 127\.0\.0\.1:(\d+) \(service, .*mqtts 127\.0\.0\.1:(\d+)/.exec(lab.said()) ?? [];
  const hubMqtt = /\(service\) +mqtts 127\.0\.0\.1:(\d+)/.exec(lab.said())?.[1] ?? "";
  const source = `
    const https = require("node:https");
    const { readFileSync } = require("node:fs");
    const { ConnectionString, SharedAccessSignature } = require("azure-iot-common");
    const { RestApiClient } = require("azure-iot-http-base");
    const { ProvisioningServiceClient } = require("azure-iot-provisioning-service");
    const { IotDpsClient } = require("@azure/arm-deviceprovisioningservices");
    const { Client } = require("azure-iot-device");
    const { Mqtt } = require("azure-iot-device-mqtt");
    const { ProvisioningDeviceClient } = require("azure-iot-provisioning-device");
    const { Mqtt: ProvisioningMqtt } = require("azure-iot-provisioning-device-mqtt");
    const { X509Security } = require("azure-iot-security-x509");
    const { DPS_CONNECTION_STRING, DPS_ID_SCOPE, ARM_TOKEN, LAB_CA_FILE } = process.env;
    const ca = readFileSync(LAB_CA_FILE);
    async function main() {
      const { HostName: host, SharedAccessKeyName: policy, SharedAccessKey: key } =
        ConnectionString.parse(DPS_CONNECTION_STRING, []);
      const expiry = Math.floor(Date.now() / 1000) + 3600;
      const config = { host, sharedAccessSignature: SharedAccessSignature.create(host, policy, key, expiry) };
      const client = new RestApiClient(config, "me/1");
      const service = new ProvisioningServiceClient(config, client);
      const agent = new https.Agent({ host: "127.0.0.1", port: ${https}, ca, keepAlive: true });
      client.setOptions({ http: { agent } });
      console.log((await service.getIndividualEnrollment("lab-device-1")).responseBody.registrationId);
      const credential = { getToken: async () => ({ token: ARM_TOKEN, expiresOnTimestamp: Date.now() + 3e6 }) };
      const arm = new IotDpsClient(credential, "00000000-0000-0000-0000-000000000000", {
        endpoint: "https://127.0.0.1:${https}", tlsOptions: { ca },
      });
      console.log((await arm.dpsCertificate.list("lab", "lab-dps")).value[0].name);
      const pem = (name) => readFileSync(".rollcall/devices/lab-device-1/" + name, "utf8");
      const x509 = { cert: pem("chain.pem"), key: pem("key.pem") };
      const security = new X509Security("lab-device-1", x509);
      const dps = ProvisioningDeviceClient.create("localhost:${dpsMqtt}", DPS_ID_SCOPE, new ProvisioningMqtt(), security);
      console.log((await dps.register()).assignedHub);
      const device = Client.fromConnectionString("HostName=localhost:${hubMqtt};DeviceId=lab-device-1;x509=true", Mqtt);
      await device.setOptions(x509);
      await device.open();
      console.log("open");
      process.exit(0);
    }
    main();`;
  // Nothing but the lab's authority is told to the program: no name of Azure leads anywhere.
  const told = `unset NODE_OPTIONS LAB_ADDRESSES; NODE_EXTRA_CA_CERTS="$LAB_CA_FILE" node in-code.cjs`;
  await writeFile(join(place.folder, "in-code.cjs"), source);
  const { output } = await place.shell(`set -a; . .rollcall/lab.env; set +a; ${told}`);
  expect(output.split("\n")).toEqual(["lab-device-1", "lab-root", "lab-hub.azure-devices.net", "open", ""]);
});

test("a lab with --state, ended by Ctrl-C and started again, is the same lab: keys, ports, entries and the device's certificate", async () => {
  const script = await readmeDevice();
  const first = await place.lab("--state", "--devices", "1", ...quick);
  expect((await place.shell(script)).output).toContain("sent a message");
  const before = await place.program("inventory.js", inventory);
  expect(before.code).toBe(0);
  expect(JSON.parse(before.output)).toMatchObject({
    devices: [{ deviceId: "lab-device-1" }],
    registration: "assigned",
    cas: [["lab-root", expect.any(String), true]],
  });
  expect(await first.interrupt()).toBe(0);

  const second = await place.lab("--state", "--devices", "2", ...quick);
  const told = (said: string) => [...said.matchAll(/^.*(?:HostName=|Endpoint=sb|mqtts).*$/gm)].map(([line]) => line);
  expect(told(first.said())).toHaveLength(5);
  expect(told(second.said())).toEqual(told(first.said()));
  expect(await place.program("inventory.js", inventory)).toEqual(before);
  expect((await place.shell(script)).output).toContain("lab-device-1 sent a message");
  const another = (await place.shell(script.replace("lab-device-1", "lab-device-2"))).output;
  expect(another).toContain("lab-device-2 sent a message");
});

test("without --state a lab starts empty, with other keys, and its devices get new certificates", async () => {
  const first = await place.lab("--devices", "1", ...quick);
  const leaf = () => readFile(join(place.folder, ".rollcall/devices/lab-device-1/cert.pem"), "utf8");
  const before = await leaf();
  await first.interrupt();
  await place.lab("--devices", "1", ...quick);
  expect(await leaf()).not.toBe(before);
  expect((await place.shell(await readmeDevice())).output).toContain("sent a message");
});

test("fixed ports, two hubs, throttles, a switch and a line per request", async () => {
  const base = 10_000 + randomInt(20_000); // below the ports that the kernel hands out by itself
  const options = ["--port-base", String(base), "--hubs", "2", "--quotas", "--switch", "hub.connackRefused=4"];
  const lab = await place.lab(...options, "--verbose", "--folder", ".rollcall");
  for (const offset of [0, 1, 2, 10, 11, 12, 13]) expect(lab.said()).toContain(`127.0.0.1:${base + offset}`);
  const asked = await place.program(
    "asking.js",
    `const { Registry } = require("azure-iothub");
     const { Client } = require("azure-iot-device");
     const { Mqtt } = require("azure-iot-device-mqtt");
     async function main() {
       const registry = Registry.fromConnectionString(process.env.IOTHUB_CONNECTION_STRING_2);
       const names = new Set();
       for (let n = 0; n <= 100; n += 1) await registry.get("nobody").catch(({ name }) => names.add(name));
       console.log([...names].join());
       const device = Client.fromConnectionString(
         "HostName=lab-hub-2.azure-devices.net;DeviceId=nobody;SharedAccessKey=AAAA", Mqtt);
       await device.open().catch(({ name, message }) => console.log(name, message));
       process.exit(0);
     }
     main();`,
  );
  expect(asked.output).toMatch(/^DeviceNotFoundError,ThrottlingError\n\w+ .*(Bad username or password|code:? 4)/i);
  expect(lab.said()).toMatch(/^[\d:.]+ lab-hub-2 GET \/devices\/nobody 404 \d+ ms$/m);
  expect(lab.said()).toMatch(/^[\d:.]+ lab-hub-2 GET \/devices\/nobody 429 \d+ ms$/m);
  expect(lab.said()).toMatch(/^[\d:.]+ lab-hub-2 connect nobody refused: /m);
  const second = await place.run("lab", "--port-base", String(base), "--folder", "other");
  expect(second.code).toBe(1);
  expect(second.output).toMatch(/EADDRINUSE.*Choose other ports: --port-base N/);
});

test("what makes no sense is refused with how to use it, and nothing is started", async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, output } = await place.run(...args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(output).toContain("npm run lab");
    return output;
  };
  expect(await refused("lab", "--hub", "2")).toMatch(/Unknown option '--hub'[\s\S]*--port-base N[\s\S]*Examples/);
  expect(await refused("lab", "extra")).toMatch(/Unexpected argument 'extra'/);
  expect(await refused("lab", "--devices", "-1")).toContain("--devices");
  expect(await refused("lab", "--hubs", "0")).toContain("--hubs takes a whole number from 1 to 50, not '0'.");
  expect(await refused("lab", "--time-scale", "2")).toContain("--time-scale needs --quotas.");
  expect(await refused("lab", "--switch", "hub.dropSession=false")).toMatch(
    /no switch 'hub\.dropSession'\. There are:[\s\S]*hub\.dropSessionOnDisable +true \| false; default true/,
  );
  expect(await refused("lab", "--switch", "dps.bulkCost=cheap")).toContain("It may be: per-item | one.");
  expect(await refused("start", "--port", "1")).toContain("Unknown option '--port'");
  expect(await refused("serve")).toContain("Unknown command 'serve'");
  await expect(readFile(join(place.folder, ".rollcall/lab.env"))).rejects.toThrow("ENOENT");
});

test("--help explains the lab, --switches lists them; both end with 0", async () => {
  const help = await place.run("lab", "--help");
  expect(help.code).toBe(0);
  for (const word of [
    "--devices N",
    "--state",
    "--quotas",
    "https.Agent",
    "--env-file",
    "localhost:MQTT",
    "Examples",
  ]) {
    expect(help.output).toContain(word);
  }
  const switches = await place.run("lab", "--switches");
  expect(switches.output).toMatch(/^ {2}dps\.assignDelayMs +a whole number from 0; default 200$/m);
  expect(switches.output).toMatch(/^ {2}events\.duplicateEvery /m);
});

test("state that no lab wrote is named and left alone", async () => {
  await place.shell("mkdir -p .rollcall/state && echo nonsense > .rollcall/state/ports.json");
  const { code, output } = await place.run("lab", "--state");
  expect(code).toBe(1);
  expect(output).toMatch(/state\/ports\.json was not written by a lab; delete its folder to start empty\.\n$/);
  expect((await place.shell("cat .rollcall/state/ports.json")).output).toBe("nonsense\n");
});
