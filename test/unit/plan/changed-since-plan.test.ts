import { ExpiryBed } from "../steps/expiry-bed";

describe("an entry that somebody edits after the plan", () => {
  it("is read and decided again, and named", async () => {
    const bed = new ExpiryBed();
    const [edited, left] = [bed.device("pump-1"), bed.device("pump-2")];
    await bed.open([edited, left]);
    await bed.plan();
    const other = bed.leaf("pump-1", -1);
    const secondaryPem = other.certificatePem;
    bed.azure.addEnrollment({ registrationId: "pump-1", primaryPem: edited.old.certificatePem, secondaryPem });
    await bed.steps.stageBatch(bed.at);
    expect((await bed.row(edited)).warnings).toEqual(["changed-since-plan"]);
    expect((await bed.row(left)).warnings).toEqual([]);
    expect(bed.slots(edited)).toEqual([edited.old.sha256Thumbprint, edited.fresh.sha256Thumbprint]);
    expect(await bed.journal()).toContain("stage-batch outcome pump-1 stage changed-since-plan");
  });

  it("is no writing of the roll's own, also not where its answer was lost", async () => {
    const bed = new ExpiryBed();
    const device = bed.device("pump-1");
    await bed.open([device]);
    await bed.plan();
    bed.batches.killSettles = 1;
    await expect(bed.steps.stageBatch(bed.at)).rejects.toThrow("killed");
    await bed.steps.stageBatch(bed.at);
    expect((await bed.row(device)).stagedAt).toBeDefined();
    expect((await bed.row(device)).warnings).toEqual([]);
  });
});
