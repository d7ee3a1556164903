import type { Finding } from "./inventory";
import { enrolledLeaves, thumbprintsOf } from "./lint-device";
import type { DeviceRecord } from "./records";

/**
 * Finds certificates that more than one device has: in two enrollments, or at two hub identities (then they share a key).
 * Holds some fifty bytes per device; give it every device once.
 */
export class SharedCertificates {
  private readonly enrolled = new Map<number, string>();
  private readonly atHub = new Map<number, string>();

  /** What this device shares with one that was seen before. */
  add(device: DeviceRecord): Finding[] {
    const subject = { kind: "device", id: device.key } as const;
    const entries = enrolledLeaves(device).map(({ sha256Thumbprint }) => sha256Thumbprint);
    const hub = [...new Set(device.identities.flatMap(thumbprintsOf))];
    return [
      ...this.others(this.enrolled, device.key, entries).map((other): Finding => ({
        code: "certificate-in-two-entries",
        severity: "warning",
        subject,
        detail: `the enrollment of ${other} holds the same certificate; each device needs a key of its own`,
      })),
      ...this.others(this.atHub, device.key, hub).map((other): Finding => ({
        code: "shared-leaf-key",
        severity: "critical",
        subject,
        detail: `${other} connects with the same certificate, so with the same key; whoever has one device has both`,
      })),
    ];
  }

  private others(seen: Map<number, string>, key: string, thumbprints: readonly string[]): string[] {
    const others = new Set<string>();
    for (const thumbprint of thumbprints) {
      const short = shortened(thumbprint);
      const other = seen.get(short);
      if (other === undefined) seen.set(short, key);
      else if (other !== key) others.add(other);
    }
    return [...others];
  }
}

/** 52 bits of the thumbprint: a chance of one in a billion that two of a million devices meet by accident. */
function shortened(thumbprint: string): number {
  return Number.parseInt(thumbprint.slice(0, 13), 16);
}
