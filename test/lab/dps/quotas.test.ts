import type { QuotaUse } from "../../../lab/quotas/quota-use";
import { TokenBucket } from "../../../lab/quotas/token-bucket";
import { DpsQuotas } from "../../../lab/dps/quotas";
import { defaultSwitches } from "../../../lab/dps/switches";
import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { at, enrollmentOf, rejection, startTestDps } from "../../support/lab-dps";
import { runBulk } from "../../support/lab-dps-contract";
import { ManualClock } from "../../support/lab-dps-clock";

describe("a token bucket", () => {
  test("passes a burst of its capacity, then as fast as tokens come back", () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ capacity: 10, periodMs: 1_000, clock });
    expect(Array.from({ length: 10 }, () => bucket.take())).toEqual(Array.from({ length: 10 }, () => 0));
    expect(bucket.take()).toBe(100);
    clock.advance(99);
    expect(bucket.take()).toBeGreaterThan(0);
    clock.advance(1);
    expect(bucket.take()).toBe(0);
    expect(bucket.take()).toBe(100);
    clock.advance(60_000);
    expect(bucket.isFull()).toBe(true);
    expect(bucket.take(11)).toBe(0);
    expect(bucket.take()).toBe(200);
  });

  test("runs faster by its time scale", () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ capacity: 10, periodMs: 1_000, clock, timeScale: () => 10 });
    bucket.take(10);
    expect(bucket.take()).toBe(10);
  });
});

describe("the quotas of DPS", () => {
  const quotas = () => {
    const [clock, switches] = [new ManualClock(), defaultSwitches()];
    switches.quotas.enabled = true;
    return { clock, switches, quotas: new DpsQuotas(clock, switches) };
  };
  const passes = (take: () => void) => {
    for (let count = 0; ; count += 1) {
      try {
        take();
      } catch (error) {
        expect(error).toMatchObject({ status: 429, errorCode: 429201 });
        return count;
      }
    }
  };

  test("are 1,000 operations and 1,000 registrations a minute, and 5 polls of a device in 10 seconds", () => {
    const limits = quotas();
    expect(passes(() => limits.quotas.operation(1))).toBe(1_000);
    expect(passes(() => limits.quotas.registration())).toBe(1_000);
    expect(passes(() => limits.quotas.poll("dev"))).toBe(5);
    expect(passes(() => limits.quotas.poll("other"))).toBe(5);
    limits.clock.advance(10_000);
    expect(passes(() => limits.quotas.poll("DEV"))).toBe(5);
    expect(passes(() => limits.quotas.operation(1))).toBe(166);
  });

  test("can be raised, bucket and rate together", () => {
    const limits = quotas();
    expect(passes(() => limits.quotas.operation(1))).toBe(1_000);
    limits.switches.quotas.operationsPerMinute = 3_000;
    expect(passes(() => limits.quotas.operation(1))).toBe(3_000);
    limits.clock.advance(10_000);
    expect(passes(() => limits.quotas.operation(1))).toBe(500);
    expect(passes(() => limits.quotas.registration())).toBe(1_000);
  });

  test("tell who listens of every use, also while they are off", () => {
    const limits = quotas();
    const heard: QuotaUse[] = [];
    limits.quotas.onUse = (use) => heard.push(use);
    limits.switches.quotas.operationsPerMinute = 1;
    limits.quotas.operation(1);
    expect(() => limits.quotas.operation(1)).toThrow();
    limits.switches.quotas.enabled = false;
    limits.quotas.operation(1);
    expect(heard).toEqual([true, false, true].map((granted) => ({ name: "operations", cost: 1, granted })));
  });

  test("can be scaled in time and switched off", () => {
    const limits = quotas();
    limits.switches.quotas.timeScale = 60;
    passes(() => limits.quotas.operation(1));
    limits.clock.advance(1_000);
    expect(passes(() => limits.quotas.operation(1))).toBe(1_000);
    limits.switches.quotas.enabled = false;
    for (let n = 0; n < 2_000; n += 1) limits.quotas.operation(1);
  });

  test.each([
    ["per-item", 100],
    ["one", 1_000],
  ] as const)("a bulk call of ten costs, by switch, %s", async (bulkCost, expected) => {
    const lab = await startTestDps({
      switches: { bulkCost, quotas: { ...defaultSwitches().quotas, enabled: true, timeScale: 1e-9 } },
    });
    const leaf = selfSignedLeaf({ commonName: "x" });
    const enrollments = Array.from({ length: 10 }, (_, n) => enrollmentOf(`d${n}`, leaf.certificatePem));
    const bulk = () => runBulk(lab, { mode: "create", enrollments });
    let count = 0;
    while (
      await bulk().then(
        () => true,
        () => false,
      )
    )
      count += 1;
    expect(count).toBe(expected);
    await lab.stop();
  });

  test("a 429 of the service API is told once and not retried by the SDK; Retry-After is there by switch", async () => {
    const lab = await startTestDps({
      switches: { quotas: { ...defaultSwitches().quotas, enabled: true, timeScale: 1e-9 } },
    });
    const ask = () => rejection(lab.service.getIndividualEnrollment("nobody"));
    for (let n = 0; n < 1_000; n += 1) await ask();
    const throttled = await ask();
    expect([throttled.name, at(throttled, "response", "statusCode")]).toEqual(["ThrottlingError", 429]);
    expect(at(throttled, "response", "headers", "retry-after")).toBeUndefined();
    lab.dps.switches.throttledRetryAfter = true;
    expect(at(await ask(), "response", "headers", "retry-after")).toEqual(expect.any(String));
    await lab.stop();
  });

  test("over MQTT the SDK waits out a 429, over HTTPS it gives up at once", async () => {
    const lab = await startTestDps();
    const leaf = selfSignedLeaf({ commonName: "dev" });
    lab.dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
    const throttle = () =>
      lab.dps.faults.add({
        operation: "dps.device.register",
        effect: { kind: "status", status: 429, retryAfterSeconds: 0.02 },
        times: 2,
      });
    throttle();
    await expect(lab.mqtt("dev", leaf)).resolves.toMatchObject({ status: "assigned" });
    throttle();
    expect((await rejection(lab.https("dev", leaf))).name).toBe("ThrottlingError");
    await lab.stop();
  });
});
