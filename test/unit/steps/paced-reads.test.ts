import type { z } from "zod";
import { Ticket, type PaceWait } from "../../../shared/contract/pacing";
import type { ResourceName } from "../../../shared/domain/pacing/quotas";
import { Bed } from "./bed";
import { ExpiryBed } from "./expiry-bed";
import { GroupBed } from "./group-bed";

/** Somebody else has booked the resource for two minutes and more. */
async function takeAll({ ledger, clock }: Bed | ExpiryBed, resource: ResourceName, units = 250_000): Promise<void> {
  const granted = await ledger.reserve({
    resources: new Map([[resource, units]]),
    priority: "expiry",
    at: clock.now(),
  });
  expect(granted.outcome).toBe("granted");
}

/** Comes back as often as it is told to; answers what the step said in the end. */
async function comeBack<A extends { readonly wait?: z.input<typeof PaceWait> | undefined }>(
  { clock }: Bed | ExpiryBed,
  step: (paced: { ticket?: Ticket }) => Promise<A>,
): Promise<A> {
  let answer = await step({});
  for (let turns = 0; turns < 100 && answer.wait !== undefined; turns += 1) {
    const { until, ticket } = answer.wait;
    clock.pass(Math.max(0, until - clock.now()));
    answer = await step(ticket === undefined ? {} : { ticket: Ticket.parse(ticket) });
  }
  return answer;
}

describe("reads that a plan, a proof and a retirement are made of", () => {
  it("a plan asks DPS for nothing before it is its turn", async () => {
    const bed = new ExpiryBed();
    await bed.open([bed.device("pump-1"), bed.device("pump-2")]);
    await takeAll(bed, "dps/operations");
    expect((await bed.steps.planExpiry(bed.at)).wait).toBeDefined();
    expect(bed.azure.faults.calls.get("dps.enrollment.get") ?? 0).toBe(0);
    const planned = await comeBack(bed, (paced) => bed.steps.planExpiry({ ...bed.at, ...paced }));
    expect(planned).toMatchObject({ planned: 2, open: 0 });
    // What was decided stays, and takes nothing more.
    await takeAll(bed, "dps/operations");
    expect(await bed.steps.planExpiry(bed.at)).toEqual({ planned: 2, refused: 0, open: 0 });
  });

  it("old leaves wait in their entries, and devices with their old keys", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    await bed.steps.stageBatch(bed.at);
    await bed.dispatch([device]);
    await bed.obey(device);
    await bed.steps.proveChange(bed.at);
    await takeAll(bed, "dps/operations");
    const turnedAway = await bed.steps.retireBatch(bed.at);
    expect(turnedAway).toMatchObject({ retired: 0, open: 1 });
    expect(turnedAway.wait).toBeDefined();
    expect(bed.told(device, "commit")).toEqual([]);
    const retired = await comeBack(bed, (paced) => bed.steps.retireBatch({ ...bed.at, ...paced }));
    expect(retired).toMatchObject({ retired: 1, open: 0 });
  });

  it("a device whose new leaf nobody knew is read once more than others, and that is reserved too", async () => {
    const bed = new GroupBed();
    bed.azure.addGroup({ groupId: "fleet", caReferences: ["fleet-root"] });
    const device = bed.member("pump-1");
    await bed.breach({ authority: "root", successor: { name: "fleet-root-2" } }, { requestedBy: "Kim" });
    await bed.contain();
    bed.clock.pass(1_000);
    expect((await bed.row(device)).leafUnknown).toBe(true);
    await bed.heartbeat(device, device.fresh);
    const reserve = jest.spyOn(bed.ledger, "reserve");
    await bed.steps.proveBatch(bed.at);
    const reserved = reserve.mock.calls.map(([{ resources }]) => [...resources]);
    expect(reserved).toHaveLength(1);
    for (const name of bed.azure.hubs.hostNames) expect(reserved[0]).toContainEqual([`${name}/twinReads`, 2]);
  });

  it("a device that came back is asked once it is its turn", async () => {
    // 40 methods a second.
    const bed = new Bed({ sku: { tier: "S1", units: 1 } });
    const device = bed.device("pump-1");
    await bed.open(device);
    await bed.contain();
    bed.clock.pass(1_000);
    await bed.heal(device);
    for (const name of bed.azure.hubs.hostNames) await takeAll(bed, `${name}/methods`, 6_000);
    expect((await bed.steps.proveBatch(bed.at)).wait).toBeDefined();
    expect(bed.asked(device)).toBe(0);
    expect((await comeBack(bed, (paced) => bed.steps.proveBatch({ ...bed.at, ...paced }))).open).toBe(1);
    expect(bed.asked(device)).toBe(1);
  });
});
