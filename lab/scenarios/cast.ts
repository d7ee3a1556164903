import type { Behaviour } from "../fleet/behaviours";
import { issueLeaf } from "../pki/certificates";
import type { CertificateAuthority, LabCertificate } from "../pki/certificates";
import type { StolenKey } from "../fleet/stolen-key";
import { labHubHostName } from "./lab-services";
import type { Player, World } from "./story";

export interface Crew {
  /** First part of the names: `pump` makes `pump-001` and so on. */
  readonly name: string;
  readonly size: number;
  /** Signs the leaf that each runs on. */
  readonly issuer: CertificateAuthority;
  /** Signs the leaf that each is to run on; absent: no next leaf is known. */
  readonly nextIssuer?: CertificateAuthority;
  /** How many, from the first on, run on the official device SDKs. Default 0. */
  readonly onOfficialSdk?: number;
  /** When the leaves they run on expire. Default: in 90 days. */
  readonly notAfter?: Date;
  readonly behaviour?: Behaviour;
  /** The last ones cannot be proven, for these reasons and by these behaviours. */
  readonly leftOut?: readonly { readonly why: string; readonly behaviour: Behaviour }[];
  /** Default true: the key of the next leaf is in the device. */
  readonly hasNext?: boolean;
}

/** Devices with keys of their own; nothing is enrolled yet. */
export function crew(options: Crew): Player[] {
  const { size, leftOut = [] } = options;
  return Array.from({ length: size }, (_, index): Player => {
    const registrationId = `${options.name}-${String(index + 1).padStart(3, "0")}`;
    const odd = leftOut[index - (size - leftOut.length)];
    const behaviour = odd?.behaviour ?? options.behaviour;
    return {
      registrationId,
      deviceId: registrationId,
      active: issueLeaf({
        commonName: registrationId,
        issuer: options.issuer,
        ...(options.notAfter === undefined ? {} : { notAfter: options.notAfter }),
      }),
      ...(options.nextIssuer === undefined ? {} : { next: leafFor(registrationId, options.nextIssuer) }),
      ...(options.hasNext === undefined ? {} : { hasNext: options.hasNext }),
      ...(behaviour === undefined ? {} : { behaviour }),
      ...(index < (options.onOfficialSdk ?? 0) ? { onOfficialSdk: true } : {}),
      ...(odd === undefined ? {} : { leftOut: odd.why }),
    };
  });
}

export function leafFor(commonName: string, issuer: CertificateAuthority): LabCertificate {
  return issueLeaf({ commonName, issuer });
}

/** Which leaves an enrollment holds, by the slot they are in. */
export type SlotsOf = (player: Player) => {
  readonly primary?: LabCertificate | undefined;
  readonly secondary?: LabCertificate | undefined;
};

/**
 * Enrolls each individually for the first hub; by default with the leaf it runs on as primary and the other slot free.
 */
export function enroll(
  { services }: World,
  players: readonly Player[],
  slots: SlotsOf = ({ active }) => ({ primary: active }),
): void {
  for (const player of players) {
    const { primary, secondary } = slots(player);
    services.dps.store.seedEnrollment({
      registrationId: player.registrationId,
      deviceId: player.deviceId,
      iotHubHostName: labHubHostName,
      attestation: {
        type: "x509",
        x509: { clientCertificates: { primary: asSlot(primary), secondary: asSlot(secondary) } },
      },
    });
  }
}

function asSlot(held: { readonly certificatePem: string } | undefined) {
  return held === undefined ? null : { certificate: held.certificatePem };
}

/** What the slots of a group are filled with; at least one is. */
export interface InSlots<T> {
  readonly primary?: T | undefined;
  readonly secondary?: T | undefined;
}

/** An enrollment group that trusts CA certificates of this DPS by name. */
export function groupByReferences({ services }: World, enrollmentGroupId: string, names: InSlots<string>): void {
  const { primary = null, secondary = null } = names;
  services.dps.store.seedGroup({
    enrollmentGroupId,
    attestation: { type: "x509", x509: { caReferences: { primary, secondary } } },
  });
}

/** An enrollment group that holds certificates of authorities. */
export function groupBySigningCertificates(
  { services }: World,
  enrollmentGroupId: string,
  { primary, secondary }: InSlots<CertificateAuthority>,
): void {
  const signingCertificates = { primary: asSlot(primary), secondary: asSlot(secondary) };
  services.dps.store.seedGroup({ enrollmentGroupId, attestation: { type: "x509", x509: { signingCertificates } } });
}

/** The same with one certificate, in the primary slot. */
export function groupBySigningCertificate(world: World, groupId: string, primary: CertificateAuthority): void {
  groupBySigningCertificates(world, groupId, { primary });
}

/** The keys that `players` run on, as a thief has them; `hold`: he keeps a session with it. */
export function stolenFrom(players: readonly Player[], hold: (player: Player) => boolean = () => false): StolenKey[] {
  return players.map((player) => stolen(player, player.active, hold(player)));
}

/** A key for the name of a device, as a thief has it. */
export function stolen(
  { registrationId, deviceId }: Pick<Player, "registrationId" | "deviceId">,
  credential: LabCertificate,
  hold = false,
): StolenKey {
  return { registrationId, deviceId, hubHostName: labHubHostName, credential, hold };
}
