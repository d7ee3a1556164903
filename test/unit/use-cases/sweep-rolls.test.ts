import { otherRollId, t0 } from "../../support/builders";
import { anAlert, Door } from "./door";

async function open(
  door: Door,
): Promise<Extract<Awaited<ReturnType<Door["post"]>>, { outcome: "accepted" }>["rollId"]> {
  const answer = await door.post(anAlert());
  if (answer.outcome !== "accepted") throw new Error("not accepted");
  door.clock.pass(60_000);
  return answer.rollId;
}

describe("the sweeper", () => {
  it.each(["failed", "terminated", "absent", "completed"] as const)(
    "starts an open roll again whose instance is %s",
    async (status) => {
      const door = new Door();
      const rollId = await open(door);
      door.starter.statuses.set(rollId, status);
      expect(await door.sweep()).toEqual([rollId]);
      expect(door.starter.started).toEqual([rollId, rollId]);
    },
  );

  it("leaves a running one alone", async () => {
    const door = new Door();
    await open(door);
    expect(await door.sweep()).toEqual([]);
  });

  it("lets a finished one end that was cut off before it gave its devices back", async () => {
    const door = new Door();
    const rollId = await open(door);
    door.starter.statuses.set(rollId, "failed");
    await door.rolls.update(rollId, (roll) => ({ ...roll, phase: "finished" }));
    expect(await door.sweep()).toEqual([rollId]);
    expect(door.starter.finishing).toEqual([rollId]);
    expect(door.starter.started).toEqual([rollId]);
    expect(await door.rolls.listOpen()).toHaveLength(1);
  });

  it("does not let one roll that cannot be read keep it from the others, and says so", async () => {
    const door = new Door();
    const rollId = await open(door);
    door.starter.statuses.set(rollId, "absent");
    // Sorts before the other; its request is gone.
    const broken = otherRollId.replace("20260101", "20250101") as typeof otherRollId;
    await door.rolls.open(broken, t0);
    await expect(door.sweep()).rejects.toMatchObject({ code: "store-corrupt" });
    expect(door.starter.started).toEqual([rollId, rollId]);
  });
});
