import { Ticket } from "../../../shared/contract/pacing";
import { rollId } from "../../support/builders";
import { Bed } from "./bed";

describe("a containment at a small hub's limits", () => {
  it("reserves before it works, and goes on with its ticket when the time has come", async () => {
    // S1 with one unit: 100 registry operations a minute.
    const bed = new Bed({ sku: { tier: "S1", units: 1 } });
    const devices = Array.from({ length: 60 }, (_, n) => bed.device(`pump-${n}`));
    await bed.open(...devices);
    await bed.steps.closeAtDps(bed.at);
    expect((await bed.steps.holdAtHub(bed.at)).wait).toBeUndefined();
    bed.clock.pass(500);
    const turnedAway = await bed.steps.releaseHold(bed.at);
    expect(turnedAway.wait).toBeDefined();
    expect(turnedAway.pending).toBe(60);
    expect(bed.azure.faults.calls.get("hub.registry.bulk")).toBe(1);
    const { until, ticket } = turnedAway.wait!;
    bed.clock.pass(Math.max(0, until - bed.clock.now()));
    const again = await bed.steps.releaseHold({
      ...bed.at,
      ...(ticket === undefined ? {} : { ticket: Ticket.parse(ticket) }),
    });
    expect(again).toMatchObject({ released: 60, pending: 0 });
    expect(again.wait).toBeUndefined();
  });

  it("asks for nothing where nothing is left to do", async () => {
    const bed = new Bed({ sku: { tier: "S1", units: 1 } });
    const devices = Array.from({ length: 10 }, (_, n) => bed.device(`pump-${n}`));
    await bed.open(...devices);
    await bed.contain();
    for (let n = 0; n < 50; n += 1) expect((await bed.steps.holdAtHub(bed.at)).wait).toBeUndefined();
    expect((await bed.rolls.readSummaries(rollId))[0]?.counts).toEqual({ "await-self-heal": 10 });
  });
});
