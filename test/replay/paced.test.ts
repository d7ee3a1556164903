import { z } from "zod";
import { callPaced } from "../../orchestrations/paced";
import { activityContract } from "../../shared/contract/activity";
import { PacedInput, PacedOutput } from "../../shared/contract/pacing";
import { run } from "../support/replay";
import { START } from "./playbook";

const contract = activityContract({
  name: "work",
  input: PacedInput.extend({ batch: z.int() }),
  output: PacedOutput.extend({ done: z.int() }),
});
const ticket = { grantedAt: START + 10_000, spreadMs: 500 };

async function play(answer: (nth: number) => object) {
  const inputs: unknown[] = [];
  const work = (input: unknown): unknown => {
    inputs.push(input);
    return { outcome: "done", value: answer(inputs.length - 1) };
  };
  const orchestrators = { main: callPacedOnce };
  return { ...(await run({ orchestrators, activities: { work } }, "main", {}, START)), inputs };
}

function* callPacedOnce(ctx: Parameters<typeof callPaced>[0]) {
  return yield* callPaced(ctx, contract, { batch: 7 });
}

describe("callPaced", () => {
  it("is an ordinary call where nobody has to wait", async () => {
    const ran = await play(() => ({ done: 3 }));
    expect(ran.output).toEqual({ done: 3 });
    expect(ran.inputs).toEqual([{ batch: 7 }]);
  });

  it("sleeps until it is told, and comes with the ticket that it got", async () => {
    const ran = await play((nth) => (nth === 0 ? { done: 0, wait: { until: START + 10_000, ticket } } : { done: 3 }));
    expect(ran.output).toEqual({ done: 3 });
    expect(ran.inputs).toEqual([{ batch: 7 }, { batch: 7, ticket }]);
    expect(ran.endedAt).toBe(START + 10_000 + 50);
  });

  it("comes without the old ticket if it was turned away since", async () => {
    const waits = [{ until: START + 10_000, ticket }, { until: START + 20_000 }];
    const ran = await play((nth) => ({ done: nth, ...(nth < 2 ? { wait: waits[nth] } : {}) }));
    expect(ran.inputs).toEqual([{ batch: 7 }, { batch: 7, ticket }, { batch: 7 }]);
  });

  it("gives up after twenty turns, and says that nothing was done", async () => {
    const ran = await play((nth) => ({ done: 0, wait: { until: START + (nth + 1) * 10_000 } }));
    expect(ran.inputs).toHaveLength(20);
    expect(ran.output).toMatchObject({ done: 0, wait: {} });
  });
});
