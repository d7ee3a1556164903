import { sealEvidence, writeEvidence } from "../../shared/contract/evidence";
import { createSealEvidence, type SealEvidenceDeps } from "../../shared/steps/evidence/seal-evidence";
import { createWriteEvidence, type WriteEvidenceDeps } from "../../shared/steps/evidence/write-evidence";
import { activity } from "./activity";

export type EvidenceDeps = WriteEvidenceDeps & SealEvidenceDeps;

/** What makes a roll's report. */
export function registerEvidenceWork(deps: EvidenceDeps): void {
  activity(writeEvidence, createWriteEvidence(deps));
  activity(sealEvidence, createSealEvidence(deps));
}
