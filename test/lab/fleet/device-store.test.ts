import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStore } from "../../../lab/fleet/device-state";
import { Device } from "../../../lab/fleet/device";
import { createRoot, issueLeaf } from "../../../lab/pki/certificates";
import { FakeAzure } from "./fake-azure";

const issuer = createRoot({ commonName: "store test root" });

test("a device whose process died remembers its key, its hub and what it was told, and does nothing twice", async () => {
  const folder = await mkdtemp(join(tmpdir(), "device-store-"));
  try {
    const azure = new FakeAzure();
    const [active, standby] = [1, 2].map(() => issueLeaf({ commonName: "pump-001", issuer }));
    if (active === undefined || standby === undefined) throw new Error("no leaves");
    azure.acceptedByDps.add(active.sha256Thumbprint).add(standby.sha256Thumbprint);
    const boot = (): Device => {
      const device = new Device({
        registrationId: "pump-001",
        transport: azure,
        active,
        standby,
        store: fileStore(join(folder, "pump-001.json")),
        timing: { heartbeatMs: 10, backoffBaseMs: 1, backoffCapMs: 5 },
      });
      device.start();
      return device;
    };
    const order = { rollId: "roll-1", attemptId: "a1", nonce: "n1", chainPem: standby.chainPem };

    const first = boot();
    await azure.until(() => azure.isConnected("pump-001"));
    await azure.call("pump-001", "reprovision", order);
    await azure.until(() => azure.reports().length === 1);
    await first.stop();

    azure.registrations.length = 0;
    azure.messages.length = 0;
    const second = boot();
    await azure.until(() => azure.messages.length > 2);
    expect(azure.registrations).toEqual([]);
    expect(azure.messages[0]?.thumbprint).toBe(standby.sha256Thumbprint);
    expect(await azure.call("pump-001", "reprovision", order)).toMatchObject({ status: 202 });
    const seen = azure.messages.length;
    await azure.until(() => azure.messages.length > seen + 2);
    expect(azure.reports()).toEqual([]);
    expect(second.acts("roll-1", "a1")).toBe(1);
    await second.stop();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
