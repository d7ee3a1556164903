import type { Faults } from "../../../lab/faults/faults";
import { DeviceId, Etag, Sha256Thumbprint } from "../../../shared/domain/ids";
import type { HubModule } from "../../../shared/ports/hub-modules";
import type { Hub, HubIdentity, IdentityWrite, IdentityWriteOutcome } from "../../../shared/ports/hubs";
import type { HubStage } from "../../support/hub-stages";

const [one, two, three] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];

/** What every implementation of `Hubs` promises. */
export function describeHubs(name: string, start: () => Promise<HubStage>): void {
  describe(`hubs: ${name}`, () => {
    let stage: HubStage;
    let hub: Hub;
    let count = 0;
    const undos: (() => void)[] = [];
    beforeAll(async () => {
      stage = await start();
      const [hostName] = stage.hubs.hostNames;
      if (hostName === undefined) throw new Error("no hub");
      hub = stage.hubs.hub(hostName);
    });
    afterAll(() => stage.stop());
    afterEach(() => {
      for (const undo of undos.splice(0)) undo();
    });
    const fault = (...rule: Parameters<Faults["add"]>): void => void undos.push(stage.faults.add(...rule));
    const fresh = (): DeviceId => DeviceId.parse(`Pump#${++count}`);

    async function identity(secondary: string | undefined = two): Promise<HubIdentity> {
      const deviceId = fresh();
      stage.addIdentity(deviceId, one, secondary);
      return read(deviceId);
    }
    async function read(deviceId: DeviceId): Promise<HubIdentity> {
      const reading = await hub.readIdentity(deviceId);
      if (reading.outcome === "missing") throw new Error(`${deviceId} is missing`);
      return reading.identity;
    }
    const cut = ({ deviceId, etag, iotEdge }: HubIdentity): IdentityWrite => ({
      deviceId,
      etag,
      status: "disabled",
      statusReason: "contained",
      primaryThumbprint: three,
      secondaryThumbprint: three,
      iotEdge,
    });
    async function write(...writes: IdentityWrite[]): Promise<IdentityWriteOutcome[]> {
      const outcomes = await hub.writeIdentities(writes);
      return writes.flatMap(({ deviceId }) => outcomes.get(deviceId) ?? []);
    }

    it("show which thumbprints open the door", async () => {
      expect(await identity()).toMatchObject({
        status: "enabled",
        authentication: "selfSigned",
        primaryThumbprint: one,
        secondaryThumbprint: two,
      });
      const deviceId = fresh();
      stage.addIdentity(deviceId, one, undefined);
      expect((await read(deviceId)).secondaryThumbprint).toBeUndefined();
    });

    it("tell letter case apart in device ids", async () => {
      const { deviceId } = await identity();
      expect(await hub.readIdentity(DeviceId.parse(deviceId.toLowerCase()))).toEqual({ outcome: "missing" });
    });

    it("replace status and both thumbprints at once, under a new version", async () => {
      const before = await identity();
      expect(await write(cut(before))).toEqual([{ outcome: "written" }]);
      const after = await read(before.deviceId);
      expect(after).toMatchObject({
        status: "disabled",
        authentication: "selfSigned",
        primaryThumbprint: three,
        secondaryThumbprint: three,
      });
      expect(after.etag).not.toBe(before.etag);
      const release = { ...cut(after), status: "enabled", statusReason: undefined } as const;
      expect(await write(release)).toEqual([{ outcome: "written" }]);
      expect((await read(before.deviceId)).status).toBe("enabled");
    });

    it.each([true, false])("leave an IoT Edge device what it is (%s)", async (iotEdge) => {
      const deviceId = fresh();
      stage.addIdentity(deviceId, one, two, iotEdge);
      const before = await read(deviceId);
      expect(before.iotEdge).toBe(iotEdge);
      expect(await write(cut(before))).toEqual([{ outcome: "written" }]);
      expect(await read(deviceId)).toMatchObject({ status: "disabled", iotEdge });
    });

    it("decide each device of a call by itself", async () => {
      const [good, stale, gone] = [await identity(), await identity(), await identity()];
      await write(cut(stale));
      stage.removeIdentity(gone.deviceId);
      expect(await write(cut(good), { ...cut(stale), status: "enabled" }, cut(gone))).toEqual([
        { outcome: "written" },
        { outcome: "precondition-failed" },
        { outcome: "missing" },
      ]);
      expect((await read(good.deviceId)).status).toBe("disabled");
      expect((await read(stale.deviceId)).status).toBe("disabled");
      expect(await hub.readIdentity(gone.deviceId)).toEqual({ outcome: "missing" });
    });

    it("take a hundred devices in a call", async () => {
      const many: HubIdentity[] = [];
      for (let index = 0; index < 100; index += 1) many.push(await identity());
      const outcomes = await write(...many.map(cut));
      expect(outcomes).toEqual(many.map(() => ({ outcome: "written" })));
    });

    it("answer nobody for nobody", async () => {
      expect((await hub.writeIdentities([])).size).toBe(0);
    });

    const made = (deviceId: DeviceId) =>
      ({
        deviceId,
        status: "disabled",
        statusReason: "made",
        primaryThumbprint: one,
        secondaryThumbprint: undefined,
        iotEdge: true,
      }) as const;

    it("tell the generation of a device, which a read of the twin does not", async () => {
      const { deviceId, ...before } = await identity();
      const first = await hub.readRegistered(deviceId);
      expect(first).toMatchObject({
        outcome: "found",
        device: { deviceId, ...before, generationId: expect.stringMatching(/^\d+$/) as string },
      });
      stage.removeIdentity(deviceId);
      expect(await hub.readRegistered(deviceId)).toEqual({ outcome: "missing" });
      stage.addIdentity(deviceId, one, two);
      const again = await hub.readRegistered(deviceId);
      if (first.outcome === "missing" || again.outcome === "missing") throw new Error("missing");
      expect(again.device.generationId).not.toBe(first.device.generationId);
    });

    it("list the devices of the registry, each as a read of it alone shows it", async () => {
      const { deviceId } = await identity();
      const listed = await hub.listRegistered();
      const alone = await hub.readRegistered(deviceId);
      expect(alone).toEqual({ outcome: "found", device: listed.find((device) => device.deviceId === deviceId) });
    });

    it("create identities, and touch none that exists", async () => {
      const existing = await identity();
      const fresh1 = fresh();
      const outcomes = await hub.createIdentities([made(fresh1), made(existing.deviceId)]);
      expect([...outcomes]).toEqual([
        [fresh1, { outcome: "created" }],
        [existing.deviceId, { outcome: "exists" }],
      ]);
      expect(await hub.readRegistered(fresh1)).toMatchObject({
        device: {
          status: "disabled",
          statusReason: "made",
          authentication: "selfSigned",
          primaryThumbprint: one,
          secondaryThumbprint: undefined,
          iotEdge: true,
        },
      });
      expect(await read(existing.deviceId)).toEqual(existing);
    });

    it("do not create an identity without a credential", async () => {
      const deviceId = fresh();
      const outcomes = await hub.createIdentities([{ ...made(deviceId), primaryThumbprint: undefined }]);
      expect(outcomes.get(deviceId)).toMatchObject({ outcome: "failed" });
      expect(await hub.readIdentity(deviceId)).toEqual({ outcome: "missing" });
    });

    it("delete the version that was read, and no other, with its modules", async () => {
      const [good, stale, gone] = [await identity(), await identity(), await identity()];
      stage.addModule(good.deviceId, "camera");
      await write(cut(stale));
      stage.removeIdentity(gone.deviceId);
      const outcomes = await hub.deleteIdentities([good, stale, gone]);
      expect([...outcomes.values()]).toEqual([
        { outcome: "deleted" },
        { outcome: "precondition-failed" },
        { outcome: "missing" },
      ]);
      expect(await hub.readIdentity(good.deviceId)).toEqual({ outcome: "missing" });
      expect(await hub.modules.list(good.deviceId)).toEqual({ outcome: "missing" });
      expect((await read(stale.deviceId)).status).toBe("disabled");
    });

    it("lose an answer to a deletion, and it stands", async () => {
      const { deviceId, etag } = await identity();
      fault({ operation: "hub.registry.bulk", effect: { kind: "reply-lost" }, times: 1 });
      await expect(hub.deleteIdentities([{ deviceId, etag }])).rejects.toMatchObject({ code: "service-unavailable" });
      expect((await hub.deleteIdentities([{ deviceId, etag }])).get(deviceId)).toEqual({ outcome: "missing" });
    });

    it("show all identities page by page, each once", async () => {
      const all: HubIdentity[] = [];
      for (let index = 0; index < 210; index += 1) all.push(await identity());
      const seen: HubIdentity[] = [];
      let cursor: string | undefined;
      do {
        const page = await hub.queryIdentities(cursor);
        seen.push(...page.items);
        cursor = page.next;
      } while (cursor !== undefined);
      expect(new Set(seen.map(({ deviceId }) => deviceId)).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining(all));
    });

    it("show modules with credentials of their own, and delete one in the version that was read", async () => {
      const { deviceId } = await identity();
      expect(await hub.modules.list(deviceId)).toEqual({ outcome: "found", modules: [] });
      stage.addModule(deviceId, "camera", three);
      stage.addModule(deviceId, "$edgeAgent");
      const reading = await hub.modules.list(deviceId);
      if (reading.outcome === "missing") throw new Error("missing");
      const [camera, agent] = reading.modules;
      expect(camera).toMatchObject({
        deviceId,
        moduleId: "camera",
        authentication: "selfSigned",
        primaryThumbprint: three,
        secondaryThumbprint: undefined,
        managedBy: undefined,
      });
      expect(agent).toMatchObject({ moduleId: "$edgeAgent", authentication: "sas", primaryThumbprint: undefined });
      const stale = { ...camera!, etag: Etag.parse(Buffer.from("999").toString("base64")) };
      expect(await hub.modules.delete(stale)).toEqual({ outcome: "precondition-failed" });
      expect(await hub.modules.delete(camera!)).toEqual({ outcome: "done" });
      expect(await hub.modules.delete(camera!)).toEqual({ outcome: "missing" });
      expect(await hub.modules.list(deviceId)).toEqual({ outcome: "found", modules: [agent] });
      expect(await hub.modules.list(fresh())).toEqual({ outcome: "missing" });
    });

    it("find the modules of many devices by one query, those without credentials left out", async () => {
      const [one, two] = [await identity(), await identity()];
      stage.addModule(one.deviceId, "camera", three);
      stage.addModule(one.deviceId, "$edgeAgent");
      stage.addModule(two.deviceId, "camera");
      const found = await hub.modules.find([one.deviceId]);
      expect(found.map(({ deviceId, moduleId }) => `${deviceId}/${moduleId}`).sort()).toEqual([
        `${one.deviceId}/$edgeAgent`,
        `${one.deviceId}/camera`,
      ]);
      expect(await hub.modules.find([fresh()])).toEqual([]);
      expect(await hub.modules.find([])).toEqual([]);
    });

    it("give a module credentials that nobody holds, in the version that was read", async () => {
      const { deviceId } = await identity();
      stage.addModule(deviceId, "camera", three);
      stage.addModule(deviceId, "counter");
      const modules = async (): Promise<readonly HubModule[]> => {
        const reading = await hub.modules.list(deviceId);
        if (reading.outcome === "missing") throw new Error("missing");
        return reading.modules;
      };
      const [camera, counter] = await modules();
      const nobody = [one, two].map((text) => Sha256Thumbprint.parse(text)) as [Sha256Thumbprint, Sha256Thumbprint];
      expect(await hub.modules.rotate(camera!, nobody)).toEqual({ outcome: "done" });
      expect(await hub.modules.rotate(camera!, nobody)).toEqual({ outcome: "precondition-failed" });
      expect(await hub.modules.rotate(counter!, nobody)).toEqual({ outcome: "done" });
      const [after, keyed] = await modules();
      expect(after).toMatchObject({ moduleId: "camera", authentication: "selfSigned" });
      expect([after?.primaryThumbprint, after?.secondaryThumbprint]).toEqual(nobody);
      expect(keyed).toMatchObject({ moduleId: "counter", authentication: "sas", primaryThumbprint: undefined });
      expect(keyed?.etag).not.toBe(counter?.etag);
      expect(await hub.modules.delete(after!)).toEqual({ outcome: "done" });
      expect(await hub.modules.rotate(after!, nobody)).toEqual({ outcome: "missing" });
    });

    it("hand a method to a connected device and its answer back", async () => {
      const deviceId = fresh();
      await stage.connect(deviceId, (methodName, payload) => ({ status: 202, payload: { methodName, payload } }));
      expect(await hub.invokeMethod(deviceId, "report", { rollId: "r1" })).toEqual({
        outcome: "answered",
        status: 202,
        payload: { methodName: "report", payload: { rollId: "r1" } },
      });
    });

    it("cannot reach a device that is offline or unknown", async () => {
      const { deviceId } = await identity();
      expect(await hub.invokeMethod(deviceId, "report", {})).toMatchObject({ outcome: "unreachable" });
      expect(await hub.invokeMethod(fresh(), "report", {})).toMatchObject({ outcome: "unreachable" });
    });

    it("cannot tell whether a device acted when the answer is lost", async () => {
      const deviceId = fresh();
      let calls = 0;
      await stage.connect(deviceId, () => ({ status: 200, payload: ++calls }));
      fault({ operation: "hub.method.invoke", effect: { kind: "reply-lost" } });
      expect(await hub.invokeMethod(deviceId, "report", {})).toMatchObject({ outcome: "no-answer" });
      expect(calls).toBe(1);
    });

    it("lose an answer to a write, and the write stands", async () => {
      const before = await identity();
      fault({ operation: "hub.registry.bulk", effect: { kind: "reply-lost" } });
      await expect(write(cut(before))).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
      expect((await read(before.deviceId)).status).toBe("disabled");
    });

    it("may acknowledge what they never did: only a read tells", async () => {
      const before = await identity();
      fault({ operation: "hub.registry.bulk.item", effect: { kind: "acknowledged-not-done" } });
      expect(await write(cut(before))).toEqual([{ outcome: "written" }]);
      expect(await read(before.deviceId)).toEqual(before);
    });

    it.each([
      ["throttled", 429, "service-throttled", true],
      ["down", 503, "service-unavailable", true],
      ["denying us", 401, "service-denied-us", false],
    ] as const)("throw when the service is %s", async (_what, status, code, retryable) => {
      const before = await identity();
      fault({ operation: "hub.*", effect: { kind: "status", status } });
      await expect(hub.readIdentity(before.deviceId)).rejects.toMatchObject({ name: "RollError", code, retryable });
      const calls = [
        () => write(cut(before)),
        () => hub.readRegistered(before.deviceId),
        () => hub.listRegistered(),
        () => hub.createIdentities([made(before.deviceId)]),
        () => hub.deleteIdentities([before]),
        () => hub.queryIdentities(undefined),
        () => hub.modules.list(before.deviceId),
        () => hub.modules.find([before.deviceId]),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ name: "RollError", code, retryable });
    });

    it("throw when the service never answers", async () => {
      const before = await identity();
      fault({ operation: "hub.twin.get", effect: { kind: "hang" } });
      await expect(hub.readIdentity(before.deviceId)).rejects.toMatchObject({ code: "service-unavailable" });
    });
  });
}
