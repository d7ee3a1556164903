import type { DeviceAssignment, LinkedHub, TwinDocument } from "../../lab/linked-hub";

interface Identity {
  sha256Thumbprint: string;
  iotEdge: boolean;
  twin: TwinDocument;
}

/** A linked hub as DPS sees it, without its network: what DPS does to it can be read off. */
export class RecordingHub implements LinkedHub {
  readonly identities = new Map<string, Identity>();
  readonly assignments: DeviceAssignment[] = [];
  /** When set, every assignment is refused with it. */
  refusal: Error | undefined;

  constructor(readonly hostName = "lab-hub.azure-devices.net") {}

  has(deviceId: string): boolean {
    return this.identities.has(deviceId);
  }

  assign(assignment: DeviceAssignment): Promise<void> {
    if (this.refusal) return Promise.reject(this.refusal);
    this.assignments.push(assignment);
    const existing = this.identities.get(assignment.deviceId);
    const twin = !existing || assignment.resetTwin ? (assignment.twin ?? {}) : existing.twin;
    this.identities.set(assignment.deviceId, {
      sha256Thumbprint: assignment.sha256Thumbprint,
      iotEdge: assignment.iotEdge,
      twin,
    });
    return Promise.resolve();
  }

  remove(deviceId: string): Promise<TwinDocument | undefined> {
    const twin = this.identities.get(deviceId)?.twin;
    this.identities.delete(deviceId);
    return Promise.resolve(twin);
  }
}
