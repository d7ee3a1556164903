import type { InventoryCursor, InventoryProgress } from "../../contract/inventory";
import { addMs, type Instant } from "../../domain/instant";
import type { InventoryId } from "../../domain/inventory/inventory";
import type {
  DpsAuthorityRecord,
  EnrollmentRecord,
  GatheredLine,
  GroupRecord,
  RegistrationRecord,
} from "../../domain/inventory/records";
import type { Authorities, Authority } from "../../ports/authorities";
import type { CertificateReader } from "../../ports/certificates";
import type { Clock } from "../../ports/clock";
import type { EnrollmentGroup, EnrollmentGroups } from "../../ports/enrollment-groups";
import type { Enrollments, ListedEnrollment, Registration } from "../../ports/enrollments";
import type { SlotView } from "../../ports/entries";
import type { InventoryStore } from "../../ports/inventory";
import type { Page } from "../../ports/page";
import type { Registrations } from "../../ports/registrations";
import { every } from "../pages";

/** A piece of work ends after this long, or after so many records: it is what a crash repeats. */
const PIECE_MS = 20_000;
const PIECE_RECORDS = 20_000;

export interface GatherDpsDeps {
  readonly clock: Clock;
  readonly certificates: CertificateReader;
  readonly authorities: Authorities;
  readonly groups: EnrollmentGroups;
  readonly enrollments: Enrollments;
  readonly registrations: Registrations;
  readonly inventories: InventoryStore;
}

/** CA certificates and groups: at most 125 records, in one go. */
export async function gatherTrust(deps: GatherDpsDeps, inventoryId: InventoryId): Promise<InventoryCursor> {
  const authorities = await deps.authorities.list();
  const groups: GroupRecord[] = [];
  for await (const group of every((cursor) => deps.groups.list(cursor))) groups.push(groupRecord(group));
  const readable = authorities.flatMap((authority) => authorityRecord(deps.certificates, authority) ?? []);
  await deps.inventories.putTrust(inventoryId, {
    authorities: readable,
    groups,
    unreadable: authorities.filter(({ certificate }) => certificate === undefined).map(({ name }) => name),
  });
  return { at: "enrollments", page: 0, progress: { lines: 0, queried: [], unreadable: 0 } };
}

/** A piece of the individual enrollments, each with its last registration. */
export async function gatherEnrollments(
  deps: GatherDpsDeps,
  inventoryId: InventoryId,
  { page, token, progress }: InventoryCursor & { at: "enrollments" },
): Promise<InventoryCursor> {
  const piece = await pieceOf(deps.clock, token, (cursor) => deps.enrollments.list(cursor));
  const lines = piece.items.map((enrollment): GatheredLine => ({
    kind: "enrollment",
    enrollment: toRecord(enrollment),
  }));
  await deps.inventories.putGathered(inventoryId, `enrollments-${pageName(page)}`, lines);
  const done = plus(progress, lines.length);
  return piece.next === undefined
    ? { at: "registrations", group: 0, page: 0, progress: done }
    : { at: "enrollments", page: page + 1, token: piece.next, progress: done };
}

/** A piece of the registrations that came through groups; undefined when the last group is through. */
export async function gatherRegistrations(
  deps: GatherDpsDeps,
  inventoryId: InventoryId,
  { group: place, page, token, progress }: InventoryCursor & { at: "registrations" },
): Promise<InventoryCursor> {
  const { groups } = await deps.inventories.getTrust(inventoryId);
  const group = groups[place];
  if (group === undefined) return { at: "export", hub: 0, looks: 0, progress };
  const { groupId } = group;
  const piece = await pieceOf(deps.clock, token, (cursor) => deps.registrations.listByGroup(groupId, cursor));
  const lines = piece.items.map((registration): GatheredLine => ({
    kind: "registration",
    registrationId: registration.registrationId,
    groupId,
    registration: registrationRecord(registration),
  }));
  await deps.inventories.putGathered(inventoryId, `registrations-${pageName(place)}-${pageName(page)}`, lines);
  const done = plus(progress, lines.length);
  return piece.next === undefined
    ? { at: "registrations", group: place + 1, page: 0, progress: done }
    : { at: "registrations", group: place, page: page + 1, token: piece.next, progress: done };
}

/** Some pages in a row, from `token` on. `next`: where the following piece begins. */
export async function pieceOf<T>(
  clock: Clock,
  token: string | undefined,
  list: (cursor: string | undefined) => Promise<Page<T>>,
): Promise<Page<T>> {
  const end: Instant = addMs(clock.now(), PIECE_MS);
  const items: T[] = [];
  for (let cursor = token; ;) {
    const page = await list(cursor);
    for (const item of page.items) items.push(item);
    cursor = page.next;
    if (cursor === undefined || items.length >= PIECE_RECORDS || clock.now() >= end) return { items, next: cursor };
  }
}

export function plus(progress: InventoryProgress, lines: number): InventoryProgress {
  return { ...progress, lines: progress.lines + lines };
}

export function pageName(page: number): string {
  return String(page).padStart(6, "0");
}

function authorityRecord(
  certificates: CertificateReader,
  { name, isVerified, certificate }: Authority,
): DpsAuthorityRecord | undefined {
  if (certificate === undefined) return undefined;
  const { sha256Thumbprint, subject: subjectName, issuer: issuerName, notAfter, pem } = certificate;
  const reading = certificates.readChain(pem);
  const { subjectKeyId, authorityKeyId } = reading.outcome === "read" ? reading.chain.leaf : {};
  return {
    name,
    isVerified,
    sha256Thumbprint,
    subjectName,
    issuerName,
    notAfter,
    ...(subjectKeyId === undefined ? {} : { subjectKeyId }),
    ...(authorityKeyId === undefined ? {} : { authorityKeyId }),
  };
}

function groupRecord({ groupId, provisioningStatus, attestation }: EnrollmentGroup): GroupRecord {
  switch (attestation.kind) {
    case "caReferences":
      return { groupId, provisioningStatus, trust: attestation };
    case "signingCertificates": {
      const [primary, secondary] = [signing(attestation.primary), signing(attestation.secondary)];
      return { groupId, provisioningStatus, trust: { kind: attestation.kind, primary, secondary } };
    }
    case "other":
      return { groupId, provisioningStatus, trust: { kind: "other" } };
    default:
      return attestation satisfies never;
  }
}

/** Without the issuer's name nothing stands above it: its chain has a gap there. */
function signing(slot: SlotView | undefined) {
  if (slot === undefined) return undefined;
  return { ...slot, issuerName: slot.issuerName ?? "" };
}

function toRecord(enrollment: ListedEnrollment): EnrollmentRecord {
  const { registrationId, deviceId, provisioningStatus, attestation, primary, secondary, caReferences } = enrollment;
  const { registration } = enrollment;
  return {
    registrationId,
    deviceId,
    provisioningStatus,
    attestation,
    primary,
    secondary,
    ...(caReferences.length === 0 ? {} : { caReferences: [...caReferences] }),
    ...(registration === undefined ? {} : { registration: registrationRecord(registration) }),
  };
}

function registrationRecord({
  status,
  deviceId,
  assignedHub: hub,
  lastUpdatedAt: at,
}: Registration): RegistrationRecord {
  return { status, deviceId, hub, at };
}
