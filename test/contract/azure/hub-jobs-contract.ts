import type { Faults } from "../../../lab/faults/faults";
import { importLine, readExportLine, readImportError } from "../../../shared/domain/hub/import-line";
import { DeviceId, HubJobId } from "../../../shared/domain/ids";
import type { Hub, HubIdentity } from "../../../shared/ports/hubs";
import type { MethodJob, MethodJobResult } from "../../../shared/ports/method-jobs";
import type { RegistryJob } from "../../../shared/ports/registry-jobs";
import type { HubAndStorageStage } from "../../support/hub-stages";

const [one, two, three] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];

/** What every implementation of `MethodJobs`, `RegistryJobs` and `ImportExportBlobs` promises. */
export function describeHubJobs(name: string, start: () => Promise<HubAndStorageStage>): void {
  describe(`hub jobs: ${name}`, () => {
    let stage: HubAndStorageStage;
    let hub: Hub;
    let count = 0;
    const undos: (() => void)[] = [];
    beforeAll(async () => {
      stage = await start();
      hub = stage.hubs.hub(stage.hubs.hostNames[0]!);
    });
    afterAll(() => stage.stop());
    afterEach(() => {
      for (const undo of undos.splice(0)) undo();
    });
    const fault = (...rule: Parameters<Faults["add"]>): void => void undos.push(stage.faults.add(...rule));
    const fresh = (): DeviceId => DeviceId.parse(`Pump#${++count}'s`);
    const freshJob = (deviceIds: readonly DeviceId[]): MethodJob => ({
      jobId: HubJobId.parse(`job-${++count}`),
      deviceIds,
      methodName: "report",
      payload: { rollId: "r1" },
      responseTimeoutSeconds: 5,
      maxExecutionSeconds: 60,
    });
    async function identity(): Promise<HubIdentity> {
      const deviceId = fresh();
      stage.addIdentity(deviceId, one, two);
      return read(deviceId);
    }
    async function read(deviceId: DeviceId): Promise<HubIdentity> {
      const reading = await hub.readIdentity(deviceId);
      if (reading.outcome === "missing") throw new Error(`${deviceId} is missing`);
      return reading.identity;
    }

    /** Waits until a method job is over. */
    async function over({ jobId }: MethodJob) {
      for (;;) {
        const reading = await hub.methodJobs.status(jobId);
        if (reading.outcome === "missing") throw new Error(`${jobId} is missing`);
        const { status } = reading.job;
        if (status !== "waiting" && status !== "running") return reading.job;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    async function results({ jobId }: MethodJob): Promise<MethodJobResult[]> {
      const found: MethodJobResult[] = [];
      let cursor: string | undefined;
      do {
        const page = await hub.methodJobs.results(jobId, cursor);
        found.push(...page.items);
        cursor = page.next;
      } while (cursor !== undefined);
      return found;
    }

    it("call each device that the hub knows, and tell what came of it", async () => {
      const [connected, unknown] = [fresh(), fresh()];
      const { deviceId: offline } = await identity();
      await stage.connect(connected, (methodName, payload) => ({ status: 202, payload: { methodName, payload } }));
      const job = freshJob([connected, offline, unknown]);
      expect(await hub.methodJobs.start(job)).toEqual({ outcome: "started" });
      expect(await over(job)).toMatchObject({ jobId: job.jobId, status: "completed", deviceCount: 2 });
      const told = new Map((await results(job)).map(({ deviceId, result }) => [deviceId, result]));
      expect(told.get(connected)).toEqual({
        outcome: "answered",
        status: 202,
        payload: { methodName: "report", payload: { rollId: "r1" } },
      });
      expect(told.get(offline)).toMatchObject({
        outcome: "failed",
        detail: expect.stringContaining("404103") as string,
      });
      expect(told.has(unknown)).toBe(false);
    });

    it("call a device once, however often the job is started", async () => {
      const deviceId = fresh();
      let calls = 0;
      await stage.connect(deviceId, () => ({ status: 200, payload: ++calls }));
      const job = freshJob([deviceId]);
      fault({ operation: "hub.job.create", effect: { kind: "reply-lost" }, times: 1 });
      await expect(hub.methodJobs.start(job)).rejects.toMatchObject({ code: "service-unavailable", retryable: true });
      expect(await hub.methodJobs.start(job)).toEqual({ outcome: "exists" });
      await over(job);
      expect(calls).toBe(1);
    });

    it("tell of many devices page by page", async () => {
      const all: DeviceId[] = [];
      for (let index = 0; index < 130; index += 1) all.push((await identity()).deviceId);
      const job = freshJob(all);
      await hub.methodJobs.start(job);
      await over(job);
      const told = await results(job);
      expect(new Set(told.map(({ deviceId }) => deviceId))).toEqual(new Set(all));
      expect(told).toHaveLength(all.length);
    });

    it("do not know a job that nobody started, and leave one alone that is over", async () => {
      const nobody = HubJobId.parse("nobody");
      expect(await hub.methodJobs.status(nobody)).toEqual({ outcome: "missing" });
      expect(await hub.methodJobs.cancel(nobody)).toEqual({ outcome: "missing" });
      expect(await results(freshJob([]))).toEqual([]);
      const job = freshJob([(await identity()).deviceId]);
      await hub.methodJobs.start(job);
      const done = await over(job);
      expect(await hub.methodJobs.cancel(job.jobId)).toEqual({ outcome: "found", job: done });
    });

    it.each([
      ["throttled", 429, "service-throttled"],
      ["down", 503, "service-unavailable"],
      ["denying us", 401, "service-denied-us"],
    ] as const)("throw when the service is %s", async (_what, status, code) => {
      const job = freshJob([fresh()]);
      const container = await stage.blobs.open(`outage-${status}`);
      fault({ operation: "hub.*", effect: { kind: "status", status } });
      const calls = [
        () => hub.methodJobs.start(job),
        () => hub.methodJobs.status(job.jobId),
        () => hub.methodJobs.results(job.jobId, undefined),
        () => hub.methodJobs.cancel(job.jobId),
        () => hub.registryJobs.startExport(container),
        () => hub.registryJobs.startImport(container),
        () => hub.registryJobs.status(job.jobId),
        () => hub.registryJobs.list(),
        () => hub.registryJobs.cancel(job.jobId),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ name: "RollError", code });
    });

    /** Waits until an import or export is over. */
    async function ended(job: RegistryJob): Promise<RegistryJob> {
      for (;;) {
        const reading = await hub.registryJobs.status(job.jobId);
        if (reading.outcome === "missing") throw new Error(`${job.jobId} is missing`);
        const { status } = reading.job;
        if (status !== "waiting" && status !== "running") return reading.job;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    async function started(run: ReturnType<Hub["registryJobs"]["startExport"]>): Promise<RegistryJob> {
      const outcome = await run;
      if (outcome.outcome !== "started") throw new Error(outcome.outcome);
      return outcome.job;
    }
    async function linesOf(lines: AsyncIterable<string>): Promise<string[]> {
      const found: string[] = [];
      for await (const line of lines) found.push(line);
      return found;
    }

    it("export every identity as it stands", async () => {
      const { deviceId } = await identity();
      const container = await stage.blobs.open("export-1");
      const job = await started(hub.registryJobs.startExport(container));
      expect(await ended(job)).toMatchObject({ type: "export", status: "completed", containerName: container.name });
      const exported = (await linesOf(stage.blobs.readLines(container))).map(readExportLine);
      expect(exported.find((one) => one?.deviceId === deviceId)).toEqual({
        ...(await read(deviceId)),
        moduleId: undefined,
      });
      expect(exported).not.toContain(undefined);
    });

    it("import what a line says if nobody wrote since, and log what they refuse", async () => {
      const [good, stale, gone] = [await identity(), await identity(), await identity()];
      const cut = (of: HubIdentity) => ({
        ...of,
        status: "disabled" as const,
        statusReason: "contained",
        primaryThumbprint: three,
        secondaryThumbprint: three,
      });
      await hub.writeIdentities([{ ...cut(stale), primaryThumbprint: two, secondaryThumbprint: two }]);
      stage.removeIdentity(gone.deviceId);
      const container = await stage.blobs.open("import-1");
      await stage.blobs.writeLines(
        container,
        [good, stale, gone].map((of) => importLine(cut(of))),
      );
      const first = await ended(await started(hub.registryJobs.startImport(container)));
      expect(first).toMatchObject({ type: "import", status: "completed", containerName: container.name });
      expect(await hub.readRegistered(good.deviceId)).toMatchObject({
        device: {
          status: "disabled",
          statusReason: "contained",
          authentication: "selfSigned",
          primaryThumbprint: three,
          secondaryThumbprint: three,
        },
      });
      expect((await read(stale.deviceId)).primaryThumbprint).toBe(two);
      const refused = (await linesOf(stage.blobs.readErrors(container))).map(readImportError);
      expect(refused).toMatchObject([
        { deviceId: stale.deviceId, refusal: "precondition-failed" },
        { deviceId: gone.deviceId, refusal: "missing" },
      ]);
      // Once more: the guard that let it in has changed.
      const after = await read(good.deviceId);
      await ended(await started(hub.registryJobs.startImport(container)));
      expect(await read(good.deviceId)).toEqual(after);
    });

    it("find a job again whose start was never answered", async () => {
      const container = await stage.blobs.open("lost-1");
      fault({ operation: "hub.job.create", effect: { kind: "reply-lost" }, times: 1 });
      await expect(hub.registryJobs.startExport(container)).rejects.toMatchObject({ code: "service-unavailable" });
      const jobs = await hub.registryJobs.list();
      const mine = jobs.find(({ containerName }) => containerName === container.name);
      expect(mine).toMatchObject({ type: "export" });
      expect(await ended(mine!)).toMatchObject({ status: "completed" });
      expect(await hub.registryJobs.cancel(mine!.jobId)).toMatchObject({ job: { status: "completed" } });
      const nobody = HubJobId.parse("00000000-0000-0000-0000-000000000000");
      expect(await hub.registryJobs.status(nobody)).toEqual({ outcome: "missing" });
      expect(await hub.registryJobs.cancel(nobody)).toEqual({ outcome: "missing" });
    });

    it("keep no container after it was discarded, and nothing in one that is new", async () => {
      const container = await stage.blobs.open("gone-1");
      expect((await stage.blobs.open("gone-1")).name).toBe(container.name);
      expect(await linesOf(stage.blobs.readLines(container))).toEqual([]);
      await stage.blobs.writeLines(container, ["a", "b"]);
      await stage.blobs.writeLines(container, ["c"]);
      expect(await linesOf(stage.blobs.readLines(container))).toEqual(["c"]);
      await stage.blobs.discard(container);
      await expect(linesOf(stage.blobs.readErrors(container))).rejects.toMatchObject({ name: "RollError" });
      await stage.blobs.discard(container);
    });
  });
}
