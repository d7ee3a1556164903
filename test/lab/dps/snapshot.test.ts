import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfSignedLeaf } from "../../../lab/pki/certificates";
import { enrollmentOf, groupOf, referringGroup, startTestDps } from "../../support/lab-dps";
import { deviceAuthorities } from "../../support/lab-dps-pki";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-dps-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a stopped service goes on where it was: entries, etags, authorities, records and keys", async () => {
  const snapshotFile = join(folder, "dps.json");
  const leaf = selfSignedLeaf({ commonName: "dev" });
  const { root, intermediate } = deviceAuthorities("Kept");
  const first = await startTestDps({ snapshotFile });
  first.dps.store.addVerifiedCa(root.certificatePem, "root");
  const made = first.dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
  first.dps.store.seedEnrollment(enrollmentOf("late", leaf.certificatePem, null, { provisioningStatus: "disabled" }));
  first.dps.store.seedGroup(groupOf("group", intermediate.certificatePem));
  first.dps.store.seedGroup(referringGroup("referring", "root"));
  first.dps.store.deleteEntry(first.dps.store.enrollments.get("late")!);
  await first.mqtt("dev", leaf);
  await first.stop();

  const second = await startTestDps({ snapshotFile });
  expect(second.dps.connectionString).toBe(first.dps.connectionString);
  expect(second.dps.store.enrollments.get("dev")).toEqual(made);
  expect([...second.dps.store.groups.values()].map(({ id }) => id)).toEqual(["group", "referring"]);
  expect(second.dps.store.cas.visible("root")?.isVerified).toBe(true);
  expect((await second.service.getDeviceRegistrationState("dev")).responseBody.status).toBe("assigned");
  await expect(second.mqtt("dev", leaf)).resolves.toMatchObject({ status: "assigned" });
  await second.stop();
});

test("a registration that was on its way to a hub has failed after the stop", async () => {
  const snapshotFile = join(folder, "dps.json");
  const leaf = selfSignedLeaf({ commonName: "dev" });
  const first = await startTestDps({ snapshotFile, switches: { assignDelayMs: 60_000 } });
  first.dps.store.seedEnrollment(enrollmentOf("dev", leaf.certificatePem));
  const path = `/${first.dps.idScope}/registrations/dev/register?api-version=2019-03-31`;
  expect((await first.raw({ method: "PUT", path, body: "{}", credential: leaf })).status).toBe(202);
  expect(first.dps.store.registrations.get("dev")?.status).toBe("assigning");
  await first.stop();
  const second = await startTestDps({ snapshotFile });
  expect(second.dps.store.registrations.get("dev")).toMatchObject({ status: "failed", errorMessage: "Interrupted." });
  expect(second.hub.has("dev")).toBe(false);
  await second.stop();
});

test("a file that is no snapshot is refused by name and left alone", async () => {
  const snapshotFile = join(folder, "dps.json");
  await writeFile(snapshotFile, '{"format":2}');
  await expect(startTestDps({ snapshotFile })).rejects.toThrow(snapshotFile);
  expect(await readFile(snapshotFile, "utf8")).toBe('{"format":2}');
});
