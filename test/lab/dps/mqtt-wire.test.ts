import { connect as tlsConnect } from "node:tls";
import { MqttClient, type IClientOptions } from "mqtt";
import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, startTestDps, type TestDps } from "../../support/lab-dps";

let lab: TestDps;
const clients: MqttClient[] = [];
beforeAll(async () => {
  lab = await startTestDps();
  lab.dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
});
afterAll(async () => {
  for (const client of clients) client.end(true);
  await lab.stop();
});

const leaf = selfSignedLeaf({ commonName: "dev" });
const username = (id = "dev", scope = "0ne00000001") =>
  `${scope}/registrations/${id}/api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1&else=1`;

/** The CONNACK code, and the client if it is in. */
async function open(
  options: IClientOptions = {},
  credential: { chainPem: string; privateKeyPem: string } | null = leaf,
) {
  const client = new MqttClient(
    () =>
      tlsConnect({
        host: "127.0.0.1",
        port: lab.dps.mqttPort,
        ca: lab.loopback.caPem,
        servername: "global.azure-devices-provisioning.net",
        ...(credential ? { cert: credential.chainPem, key: credential.privateKeyPem } : {}),
      }),
    { clientId: "dev", username: username(), reconnectPeriod: 0, ...options },
  );
  clients.push(client);
  client.on("error", () => undefined);
  const code = await new Promise<number>((resolve) => {
    client.on("packetreceive", (packet) => {
      if (packet.cmd === "connack") resolve(packet.returnCode ?? 0);
    });
    client.once("close", () => resolve(-1));
  });
  const answers: { topic: string; json: unknown }[] = [];
  client.on("message", (topic, payload) => {
    answers.push({ topic, json: JSON.parse(payload.toString("utf8")) });
  });
  const ask = async (topic: string, payload: string) => {
    const count = answers.length;
    await client.publishAsync(topic, payload, { qos: 1 });
    while (answers.length === count) await new Promise((resolve) => setTimeout(resolve, 2));
    return answers.at(-1)!;
  };
  return { code, client, ask };
}

const put = (rid: string) => `$dps/registrations/PUT/iotdps-register/?$rid=${rid}`;

describe("the device API over MQTT", () => {
  test("answers on the topic of the request, with the pause, until the registration ends", async () => {
    const { client, ask } = await open();
    const granted = await client.subscribeAsync("$dps/registrations/res/#", { qos: 1 });
    expect(granted[0]?.qos).toBe(1);
    const accepted = await ask(put("A-1"), JSON.stringify({ registrationId: "dev" }));
    expect(accepted.topic).toBe("$dps/registrations/res/202/?$rid=A-1&retry-after=0.02");
    expect(accepted.json).toMatchObject({ status: "assigning" });
    const operation = String(at(accepted.json, "operationId"));
    const poll = () => ask(`$dps/registrations/GET/iotdps-get-operationstatus/?$rid=B&operationId=${operation}`, " ");
    let polled = await poll();
    while (at(polled.json, "status") === "assigning") polled = await poll();
    expect(polled.topic).toBe("$dps/registrations/res/200/?$rid=B");
    expect(polled.json).toMatchObject({ status: "assigned", registrationState: { deviceId: "dev", x509: {} } });
    // Without UNSUBACK the official SDK never ends its registration.
    await client.unsubscribeAsync("$dps/registrations/res/#");
  });

  test("answers what it cannot read or find in the form of its errors", async () => {
    const { client, ask } = await open();
    await client.subscribeAsync("$dps/registrations/res/#", { qos: 1 });
    const topic = (status: number, rid: string) => `$dps/registrations/res/${status}/?$rid=${rid}`;
    expect(await ask(put("1"), "{")).toMatchObject({ topic: topic(400, "1"), json: { errorCode: 400201 } });
    expect((await ask(put("2"), JSON.stringify({ registrationId: "other" }))).topic).toBe(topic(400, "2"));
    expect((await ask(put("3"), "x".repeat(97 * 1024))).topic).toBe(topic(400, "3"));
    const lost = await ask("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=4&operationId=none", " ");
    expect(lost).toMatchObject({ topic: topic(404, "4"), json: { errorCode: 404202 } });
    // QoS 2 is not offered: a subscription gets 1.
    expect((await client.subscribeAsync("$dps/registrations/res/#", { qos: 2 }))[0]?.qos).toBe(1);
  });

  test("closes on a topic it does not know and grants no other subscription", async () => {
    const { client } = await open();
    await expect(client.subscribeAsync("#")).rejects.toThrow();
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.publish("$dps/registrations/else", "x");
    await closed;
  });

  test.each([
    ["another client id than the user name's", { clientId: "else" }],
    ["another id scope", { username: username("dev", "0ne00000002") }],
    ["a user name of another form", { username: "dev" }],
    ["no api-version", { username: "0ne00000001/registrations/dev/x=1" }],
  ])("refuses %s with return code 5", async (_what, options) => {
    expect((await open(options)).code).toBe(5);
  });

  test("refuses no certificate, and another leaf, with return code 5 — the latter by switch in the answer", async () => {
    const stranger = selfSignedLeaf({ commonName: "dev" });
    expect((await open({}, null)).code).toBe(5);
    expect((await open({}, stranger)).code).toBe(5);
    expect(lab.dps.store.attempts.list().at(-1)).toMatchObject({
      outcome: "refused",
      status: 401,
      sha256Thumbprint: stranger.sha256Thumbprint,
    });
    lab.dps.switches.mqttInvalidCertificate = "res-401";
    const { code, client, ask } = await open({}, stranger);
    expect(code).toBe(0);
    await client.subscribeAsync("$dps/registrations/res/#", { qos: 1 });
    const answer = await ask(put("1"), "{}");
    expect(answer).toMatchObject({
      topic: "$dps/registrations/res/401/?$rid=1",
      json: { errorCode: 401002, message: "Invalid certificate." },
    });
    lab.dps.switches.mqttInvalidCertificate = "connack-5";
  });

  test("a device without enrollment is let in and told at its registration", async () => {
    const nobody = selfSignedLeaf({ commonName: "nobody" });
    const { code, client, ask } = await open({ clientId: "nobody", username: username("nobody") }, nobody);
    expect(code).toBe(0);
    await client.subscribeAsync("$dps/registrations/res/#", { qos: 1 });
    expect(await ask(put("1"), "{}")).toMatchObject({
      topic: "$dps/registrations/res/401/?$rid=1",
      json: { errorCode: 401002, message: "Unauthorized" },
    });
  });
});
