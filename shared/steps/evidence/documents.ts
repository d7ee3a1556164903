import { EvidenceSeal, EvidenceSignature } from "../../domain/evidence/lines";
import { EvidencePage } from "../../domain/evidence/page";
import type { Document } from "../../ports/stores";
import { z } from "zod";

const Sealed = z.object({ seal: EvidenceSeal, pages: z.int().positive() });

/** What a report is made of besides its lines. The first write of each stands. */
export const evidenceDocuments = {
  page: (page: number): Document<EvidencePage> => ({
    name: `evidence/pages/${String(page).padStart(6, "0")}`,
    schema: EvidencePage,
  }),
  sealed: { name: "evidence/seal", schema: Sealed },
  signature: { name: "evidence/signature", schema: EvidenceSignature },
} as const;
