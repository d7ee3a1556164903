import type { countLeaning } from "../contract/authority-activities";
import { CaGraph } from "../domain/inventory/ca-graph";
import { reachOfCa } from "../domain/inventory/ca-reach";
import type { IndividualEntry, IndividualTrust } from "../domain/inventory/fleet-entries";
import type { Enrollments, IndividualEnrollment } from "../ports/enrollments";
import type { SlotView } from "../ports/entries";
import type { RollBlobs } from "../ports/stores";
import { frozenPlan } from "./authority-world";
import { readTrust, type ReadTrustDeps } from "./read-trust";
import type { Step } from "./step";

export interface CountLeaningDeps extends ReadTrustDeps {
  readonly enrollments: Enrollments;
  readonly blobs: RollBlobs;
}

/** Reads a page of individual enrollments and finds those that the old CA stands behind. Names decide, where DPS shows no more. */
export function createCountLeaning(deps: CountLeaningDeps): Step<typeof countLeaning> {
  return async ({ rollId, cursor }) => {
    const { old } = await frozenPlan(deps.blobs, rollId);
    const [{ items, next }, trust] = await Promise.all([deps.enrollments.list(cursor), readTrust(deps)]);
    const graph = new CaGraph({ ...trust.entries, individuals: items.map(toEntry) });
    const leaning = new Set(
      old.flatMap(({ sha256Thumbprint }) =>
        sha256Thumbprint === undefined ? [] : reachOfCa(graph, sha256Thumbprint).individuals,
      ),
    );
    return { found: leaning.size, ...(next === undefined ? {} : { next }) };
  };
}

function toEntry(enrollment: IndividualEnrollment): IndividualEntry {
  const { registrationId, provisioningStatus } = enrollment;
  return { registrationId, provisioningStatus, trust: toTrust(enrollment) };
}

function toTrust({ attestation, primary, secondary, caReferences }: IndividualEnrollment): IndividualTrust {
  if (attestation === "x509-client")
    return { kind: "clientCertificates", primary: toLeaf(primary), secondary: toLeaf(secondary) };
  const [first, second] = caReferences;
  return first === undefined ? { kind: "other" } : { kind: "caReferences", primary: first, secondary: second };
}

function toLeaf(held: SlotView | undefined) {
  if (held === undefined) return undefined;
  const { sha256Thumbprint, subjectName, issuerName = "", notAfter } = held;
  return { sha256Thumbprint, subjectName, issuerName, notAfter };
}
