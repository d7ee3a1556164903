import { TableAutoContainBudget } from "../../../shared/adapters/store/auto-contain-store";
import { addMs, type Instant } from "../../../shared/domain/instant";
import type { AutoContainBudget } from "../../../shared/ports/auto-contain";
import type { Clock } from "../../../shared/ports/clock";
import { azuriteForThisFile, intercept } from "../../support/azurite";
import { MemoryAutoContainBudget } from "../../support/memory-auto-contain";
import { aRollId, start } from "./samples";

const storage = azuriteForThisFile();
const HOUR = 3_600_000;

const aClock = (): Clock & { at: Instant } => {
  const clock = { at: start, now: () => clock.at };
  return clock;
};
const part = (devices: number) => ({ rollId: aRollId(), devices, whole: false });
const whole = (devices: number) => ({ rollId: aRollId(), devices, whole: true });

/** Makes several budgets, as several processes have them, that share what they know only through the store. */
type Make = (perHour: number, clock: Clock) => readonly [AutoContainBudget, AutoContainBudget];

describe.each<[string, Make]>([
  [
    "in memory",
    (perHour, clock) => {
      const budget = new MemoryAutoContainBudget(perHour, clock);
      return [budget, budget];
    },
  ],
  [
    "on Azure Tables",
    (perHour, clock) => {
      const clients = storage.open();
      const make = (): AutoContainBudget => new TableAutoContainBudget(clients, perHour, clock);
      return [make(), make()];
    },
  ],
])("the budget of automatic containment %s", (_where, make) => {
  test("grants what is left, then nothing, until the hour is over", async () => {
    const clock = aClock();
    const [budget] = make(100, clock);
    expect(await budget.take(part(60))).toBe(60);
    clock.at = addMs(start, HOUR / 2);
    expect(await budget.take(part(60))).toBe(40);
    expect(await budget.take(part(1))).toBe(0);
    clock.at = addMs(start, HOUR);
    expect(await budget.take(part(100))).toBe(60);
  });

  test("tells a roll that asks again what it was told before", async () => {
    const [budget, other] = make(100, aClock());
    const wish = part(70);
    expect(await budget.take(wish)).toBe(70);
    expect(await other.take(wish)).toBe(70);
    expect(await budget.take(part(70))).toBe(30);
  });

  test("grants a group as a whole or not at all, and takes nothing where it does not", async () => {
    const [budget] = make(100, aClock());
    expect(await budget.take(whole(101))).toBe(0);
    expect(await budget.take(whole(100))).toBe(100);
  });

  test("never grants more than the hour holds to many that ask at once", async () => {
    const budgets = make(100, aClock());
    const granted = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (budgets[n % 2] ?? budgets[0]).take(part(9))),
    );
    expect(granted.reduce((sum, n) => sum + n, 0)).toBe(100);
    expect(granted.filter((n) => n === 9)).toHaveLength(11);
  });

  test("grants nothing where nothing may be cut off automatically", async () => {
    const [budget] = make(0, aClock());
    expect(await budget.take(part(1))).toBe(0);
  });
});

test("storage that is away grants nothing: it throws", async () => {
  const clients = storage.open();
  const table = await clients.table("ledger");
  intercept(table, () => Promise.reject(Object.assign(new Error("away"), { name: "RestError", statusCode: 503 })));
  await expect(new TableAutoContainBudget(clients, 100, aClock()).take(part(1))).rejects.toMatchObject({
    code: "service-unavailable",
  });
});

test("a grant whose answer was lost is not taken twice", async () => {
  const clients = storage.open();
  const budget = new TableAutoContainBudget(clients, 100, aClock());
  const table = await clients.table("ledger");
  const wish = part(60);
  const undo = intercept(table, async (request, send) => {
    const answer = await send();
    if (request.method === "GET") return answer;
    throw Object.assign(new Error("lost"), { name: "RestError", statusCode: 500 });
  });
  await expect(budget.take(wish)).rejects.toMatchObject({ retryable: true });
  undo();
  expect(await budget.take(wish)).toBe(60);
  expect(await budget.take(part(60))).toBe(40);
});
