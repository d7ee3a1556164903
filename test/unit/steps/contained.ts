import type { Bed, BedDevice } from "./bed";

/** What must hold for a device once the roll says that it is contained. */
export async function expectContained(bed: Bed, device: BedDevice): Promise<void> {
  expect((await bed.row(device)).containedAt).toBeDefined();
  expect(bed.opens(device, device.old)).toBe(false);
  expect(bed.azure.register(device.registrationId, device.old.certificatePem)).toBe(false);
}
