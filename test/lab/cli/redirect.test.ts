import { addressSettings } from "../../../lab/cli/addresses";
import { startLabServices, type LabServices } from "../../../lab/scenarios/lab-services";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repository, Workplace } from "./lab-process";

/** The module that leads Azure's names to a lab is loaded into programs of their own: it changes the whole process. */
let place: Workplace;
let services: LabServices;

beforeAll(async () => {
  place = await Workplace.open();
  services = await startLabServices({ folder: join(place.folder, "lab") });
});

afterAll(async () => {
  await services.stop();
  await place.close();
});

/** Runs an ES module behind the redirection and answers what it printed. */
async function printed(source: string, addresses?: object): Promise<string> {
  await writeFile(join(place.folder, "asking.mjs"), source);
  const told = addresses === undefined ? addressSettings(services)["LAB_ADDRESSES"] : JSON.stringify(addresses);
  const module = join(repository, "dist/lab/cli/redirect.js");
  const { output } = await place.shell(`LAB_ADDRESSES='${told ?? ""}' node --require "${module}" asking.mjs`);
  return output.trim();
}

const get = (url: string): string => `
  import { get } from "node:https";
  get("${url}", { agent: false }, (answer) => { console.log(answer.statusCode); answer.resume(); })
    .on("error", ({ code }) => console.log(code));`;

test("each of Azure's names is answered by its service, its certificate checked", async () => {
  expect(await printed(get("https://lab-hub.azure-devices.net/devices/x?api-version=2021-04-12"))).toBe("401");
  expect(await printed(get("https://global.azure-devices-provisioning.net/"))).toBe("404");
  expect(await printed(get("https://MANAGEMENT.azure.com/subscriptions/x?api-version=2022-02-05"))).toBe("401");
});

test("tls.connect leads there in each of its forms", async () => {
  const host = "lab-hub.azure-devices.net";
  for (const form of [
    `{ host: "${host}", port: 8883 }`,
    `8883, "${host}"`,
    `8883, "${host}", {}`,
    `8883, { host: "${host}" }`,
  ]) {
    const source = `
      import { connect } from "node:tls";
      const socket = connect(${form}, () => { console.log(socket.authorized, socket.remotePort); socket.destroy(); });`;
    expect(await printed(source)).toBe(`true ${services.hub.mqttPort}`);
  }
});

test("a name that the service's certificate does not have is refused", async () => {
  const addresses = { caFile: services.caFile, ports: { "example.com:443": services.hub.servicePort } };
  expect(await printed(get("https://example.com/"), addresses)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
});

test("other names go where they would, and the lab's authority vouches for none of them", async () => {
  const address = `https://localhost:${services.hub.servicePort}/`;
  expect(await printed(get(address))).toMatch(/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN)$/);
});
