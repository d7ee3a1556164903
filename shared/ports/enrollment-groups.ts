import type { AuthorityName, EnrollmentGroupId, Etag } from "../domain/ids";
import type { Instant } from "../domain/instant";
import type { EntryDeletion, EntryWrite, SlotView } from "./entries";
import type { Page } from "./page";

/**
 * The enrollment groups of one DPS instance. Reads are fresh, never cached. Throws `RollError` for outages; everything
 * the rules foresee is an outcome.
 */
export interface EnrollmentGroups {
  get(groupId: EnrollmentGroupId): Promise<GroupReading>;
  /** All groups, whatever they attest by. `cursor`: `next` of the page before; undefined begins. */
  list(cursor: string | undefined): Promise<Page<EnrollmentGroup>>;
  /**
   * Makes a group with the policies of another. A group that is there already is never overwritten: it is answered as it
   * stands, also where an earlier call of ours made it and the answer was lost.
   */
  create(spec: GroupSpec): Promise<GroupCreation>;
  /**
   * Replaces slots and status in one write guarded by the ETag that `group` was read with. All other properties stay as
   * read. Whatever needs no call to be refused is refused without one: the other family's slots, a promotion without a
   * secondary, two empty slots, a group that attests by something else: DPS shows no keys, and a group sent back without them might get
   * new ones.
   */
  put(group: EnrollmentGroup, change: GroupChange): Promise<EntryWrite>;
  /** Guarded by the ETag that `group` was read with. Registration records stay, and hub identities too. */
  delete(group: EnrollmentGroup): Promise<EntryDeletion>;
}

export type GroupReading =
  { readonly outcome: "found"; readonly group: EnrollmentGroup } | { readonly outcome: "missing" };

export interface EnrollmentGroup {
  readonly groupId: EnrollmentGroupId;
  readonly etag: Etag;
  readonly provisioningStatus: "enabled" | "disabled";
  readonly attestation: GroupAttestation;
  /** False: DPS may not refresh the hub identity when a device registers again. */
  readonly updateHubAssignment: boolean;
  /** True: the twin moves along or stays; false: DPS starts it anew at each assignment. */
  readonly migrateDeviceData: boolean;
  /** Hubs that the group may use; empty: all hubs linked to the instance. In lower case. */
  readonly iotHubs: readonly string[];
  readonly allocationPolicy: "hashed" | "geoLatency" | "static" | "custom";
  /** The policy by which Azure Device Registry issues leaves for this group; undefined: it does not. */
  readonly credentialPolicyName: string | undefined;
  /** When the service last wrote this group, by its own clock. */
  readonly lastUpdatedAt: Instant | undefined;
  /** The service's record as read; only the adapter looks inside. */
  readonly record: unknown;
}

/** What a group trusts; DPS knows two families for X.509, and a group has one of them. */
export type GroupAttestation =
  /** Names of CA certificates of the instance (`Authorities`). */
  | {
      readonly kind: "caReferences";
      readonly primary: AuthorityName | undefined;
      readonly secondary: AuthorityName | undefined;
    }
  /** CA certificates that the group holds itself; DPS never returns their PEM. */
  | {
      readonly kind: "signingCertificates";
      readonly primary: SlotView | undefined;
      readonly secondary: SlotView | undefined;
    }
  /** Symmetric keys, TPM, or X.509 of another form. `type` in the service's word. */
  | { readonly kind: "other"; readonly type: string };

/** Both slots and the status, as they shall be after one write. */
export interface GroupChange {
  /** `promote`: the secondary CA reference becomes the primary, and its slot empty; `caReferences` only. */
  readonly slots: "promote" | { readonly primary: GroupSlotChange; readonly secondary: GroupSlotChange };
  readonly provisioningStatus: "enabled" | "disabled";
}

export type GroupSlotChange =
  | { readonly kind: "keep" }
  | { readonly kind: "clear" }
  /** For `caReferences`; a name that the instance does not have is refused. */
  | { readonly kind: "refer"; readonly authority: AuthorityName }
  /** For `signingCertificates`: PEM of one CA certificate. */
  | { readonly kind: "set"; readonly certificatePem: string };

/** A new group that differs from `like` in nothing but id, trust and status. */
export interface GroupSpec {
  readonly groupId: EnrollmentGroupId;
  /** Policies, allocation, hubs, initial twin and capabilities are copied from it. */
  readonly like: EnrollmentGroup;
  readonly attestation:
    | {
        readonly kind: "caReferences";
        readonly primary: AuthorityName;
        readonly secondary: AuthorityName | undefined;
      }
    | {
        readonly kind: "signingCertificates";
        readonly primaryPem: string;
        readonly secondaryPem: string | undefined;
      };
  readonly provisioningStatus: "enabled" | "disabled";
}

export type GroupCreation =
  | { readonly outcome: "created"; readonly etag: Etag; readonly lastUpdatedAt: Instant | undefined }
  /** A group of this id is there; nothing was written. */
  | { readonly outcome: "exists"; readonly group: EnrollmentGroup }
  /** The instance holds as many groups as it may (100, unless support has raised it). */
  | { readonly outcome: "limit-reached"; readonly detail: string }
  /** A refusal that trying again will not change: a CA name that is not there, a text that is no certificate … */
  | { readonly outcome: "refused"; readonly detail: string };
