import { generateKeyPairSync } from "node:crypto";
import { fileKey } from "../../../shared/adapters/evidence/evidence-key";
import { nodeHashes } from "../../../shared/adapters/evidence/node-hashes";
import { isSigned } from "../../../shared/adapters/evidence/signatures";
import { EvidenceVerifier, type EvidenceVerdict } from "../../../shared/domain/evidence/verify";
import { Sha256Thumbprint } from "../../../shared/domain/ids";
import type { Problem } from "../../../shared/domain/outcome";
import { newControl } from "../../../shared/domain/roll/control";
import type { EvidenceKey } from "../../../shared/ports/evidence";
import { createSealEvidence } from "../../../shared/steps/evidence/seal-evidence";
import { createWriteEvidence } from "../../../shared/steps/evidence/write-evidence";
import { createReadEvidence } from "../../../shared/use-cases/read-evidence";
import { rollId } from "../../support/builders";
import { MemoryEvidenceStore } from "../../support/memory-evidence";
import { Bed, type BedDevice } from "../steps/bed";

export const privateKeyPem = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

/** A roll that ran over services in memory, and what makes, hands out and checks its report. */
export class ReportBed extends Bed {
  readonly evidence = new MemoryEvidenceStore();

  private deps(evidenceKey: EvidenceKey | undefined) {
    const { clock, rolls, batches, blobs, control, evidence, facts, rollJournal: journal } = this;
    return { clock, rolls, batches, blobs, control, evidence, facts, journal, hashes: nodeHashes, evidenceKey };
  }

  /** Writes all pages as the orchestrator does; answers their number, or the code of what cannot be read. */
  async write(): Promise<number | string> {
    const write = createWriteEvidence(this.deps(undefined));
    for (let page = 0; ;) {
      const written = await write({ rollId, page });
      if (written.outcome === "unreadable") return written.code;
      if (written.next === undefined) return page + 1;
      page = written.next;
    }
  }

  async seal(pages: number, key: EvidenceKey | undefined = fileKey(privateKeyPem)): Promise<boolean> {
    return (await createSealEvidence(this.deps(key))({ rollId, pages })).signed;
  }

  read(part: string | null = null, key?: EvidenceKey): Promise<{ text: string } | Problem> {
    return createReadEvidence(this.deps(key))(rollId, part);
  }

  /** Somebody tries the old leaf, and the hub's log has it. */
  async refuse({ deviceId, old }: BedDevice): Promise<void> {
    const sha256Thumbprint = Sha256Thumbprint.parse(old.sha256Thumbprint);
    const refused = { at: this.clock.now(), code: "401003", sha256Thumbprint };
    await this.facts.merge([{ deviceId, hubs: { "lab-hub": { refused } } }]);
  }

  /** Contained, one healed and proven, one still tried, closed, reported on. */
  async finished(o: { readonly signed?: boolean } = {}): Promise<string> {
    const devices = ["pump-1", "pump-2", "pump-3"].map((id) => this.device(id));
    await this.control.create(newControl(rollId, { windows: [], freezes: [] }));
    await this.open(...devices);
    await this.contain();
    await this.steps.noteContained({ rollId });
    this.clock.pass(1_000);
    await this.refuse(devices[1]!);
    await this.heal(devices[0]!);
    await this.steps.proveBatch(this.at);
    await this.report(devices[0]!);
    await this.steps.proveBatch(this.at);
    await this.steps.closeRoll({ rollId });
    const pages = await this.write();
    if (typeof pages === "string") throw new Error(pages);
    const key = (o.signed ?? true) ? fileKey(privateKeyPem) : undefined;
    await createSealEvidence(this.deps(key))({ rollId, pages });
    return textOf(await this.read());
  }
}

export function textOf(found: { text: string } | Problem): string {
  if ("outcome" in found) throw new Error(found.code);
  return found.text;
}

export function judge(text: string): EvidenceVerdict {
  const verifier = new EvidenceVerifier({ hashes: nodeHashes, isSigned });
  const lines = text.split("\n");
  const rest = lines.pop();
  for (const line of lines) if (!verifier.read(line)) break;
  return verifier.finish(rest === "");
}
