import type { LinkedHub, TwinDocument } from "../linked-hub";
import type { Allocation } from "./allocation";
import type { ReadCertificate } from "./certificate-info";
import type { DpsContext } from "./context";
import { entryKey, keyOf, type Assignment, type Entry, type Registration, type RegistrationSubstatus } from "./entries";
import { underFaults } from "./fault-effects";

/** An accepted registration whose hub is chosen. */
export interface HubWrite {
  readonly entry: Entry;
  readonly registrationId: string;
  readonly leaf: ReadCertificate;
  readonly allocation: Extract<Allocation, { kind: "hub" }>;
  /** The record of the attempt; its `assignment` says where the device was before. */
  readonly record: Registration;
}

/** What was done, for the registration record. */
export interface HubWriteResult {
  readonly substatus: RegistrationSubstatus;
  readonly assignment: Omit<Assignment, "entryKey">;
}

/** What DPS does in the linked hubs, by the reprovision policy (Microsoft docs, concepts-device-reprovision). */
export class HubWriter {
  constructor(private readonly context: DpsContext) {}

  /** Rejects when the hub refuses, or with DpsError when a fault says so. */
  async write(request: HubWrite): Promise<HubWriteResult> {
    const { entry, registrationId, record, allocation } = request;
    const previous = record.assignment;
    const before =
      previous && this.context.hubs.find(({ hostName }) => keyOf(hostName) === keyOf(previous.hubHostName));
    if (previous && before && !entry.reprovisionPolicy.updateHubAssignment) {
      if (this.context.switches.neverPolicyWritesThumbprint) {
        await this.assign(before, previous.deviceId, request, false);
      }
      return { substatus: record.substatus ?? "initialAssignment", assignment: previous };
    }
    const deviceId = deviceIdOf(entry, registrationId, previous);
    const assignment = { hubHostName: allocation.hub.hostName, deviceId };
    if (!previous || !before || previous.deviceId !== deviceId) {
      // Another device id is another identity: the old one stays where it is.
      await this.assign(allocation.hub, deviceId, request, false);
      return { substatus: "initialAssignment", assignment };
    }
    const keepsTwin = entry.reprovisionPolicy.migrateDeviceData && this.keepsTwinUnder(entry, previous);
    if (before.hostName === allocation.hub.hostName) {
      await this.assign(before, deviceId, request, !keepsTwin);
      return { substatus: keepsTwin ? "reprovisionedToInitialAssignment" : "deviceDataReset", assignment };
    }
    const twin = await before.remove(deviceId);
    await this.assign(allocation.hub, deviceId, request, true, keepsTwin ? twin : undefined);
    return { substatus: keepsTwin ? "deviceDataMigrated" : "deviceDataReset", assignment };
  }

  private keepsTwinUnder(entry: Entry, previous: Assignment): boolean {
    return this.context.switches.newEntryKeepsTwin || previous.entryKey === entryKey(entry);
  }

  private async assign(
    hub: LinkedHub,
    deviceId: string,
    { entry, leaf, allocation }: HubWrite,
    resetTwin: boolean,
    migrated?: TwinDocument,
  ): Promise<void> {
    const twin = allocation.twin ?? migrated ?? entry.initialTwin ?? (resetTwin ? {} : undefined);
    const outcome = await underFaults(
      {
        name: "dps.hub.assign",
        subject: deviceId,
        write: true,
        run: async (commit) => {
          if (!commit) return;
          await hub.assign({
            deviceId,
            sha256Thumbprint: leaf.sha256Thumbprint,
            iotEdge: entry.capabilities.iotEdge,
            ...(twin ? { twin } : {}),
            // A twin from the webhook is applied whatever the policy says.
            resetTwin: resetTwin || allocation.twin !== undefined,
          });
        },
      },
      this.context,
    );
    // Nobody waits for this reply but DPS itself, which would try for ever.
    if (outcome.reply === "never") await new Promise(() => undefined);
  }
}

function deviceIdOf(entry: Entry, registrationId: string, previous: Assignment | undefined): string {
  if (entry.kind === "individual" && entry.deviceId !== null) return entry.deviceId;
  // Registration ids have no case, device ids do: the case of the first registration stays.
  return previous && keyOf(previous.deviceId) === keyOf(registrationId) ? previous.deviceId : registrationId;
}
