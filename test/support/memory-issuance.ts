import type { RegistrationId, RollId } from "../../shared/domain/ids";
import { formatInstant } from "../../shared/domain/instant";
import type { CertificateReader } from "../../shared/ports/certificates";
import type { IssuanceIntent, IssuanceStore, IssuedCertificate, IssuedPage } from "../../shared/ports/issuers";
import type { FoundReplacement, ReplacementSource, WantedReplacement } from "../../shared/ports/replacements";

// Issuing and replacements without a storage account; they pass the same contract suites as the real ones.

const keyOf = (rollId: RollId, registrationId: RegistrationId): string => `${rollId}|${registrationId}`;

/** The chains that rolls go on with: the first one stands. */
class MemoryChains {
  private readonly chains = new Map<string, string>();

  keep = async (rollId: RollId, registrationId: RegistrationId, chainPem: string): Promise<string> => {
    await Promise.resolve();
    const stands = this.chains.get(keyOf(rollId, registrationId)) ?? chainPem;
    this.chains.set(keyOf(rollId, registrationId), stands);
    return stands;
  };

  kept = async (rollId: RollId, registrationId: RegistrationId): Promise<string | undefined> => {
    await Promise.resolve();
    return this.chains.get(keyOf(rollId, registrationId));
  };
}

export class MemoryIssuanceStore implements IssuanceStore {
  private readonly chains = new MemoryChains();
  private readonly intents = new Map<string, IssuanceIntent>();
  private readonly ledger = new Map<string, IssuedCertificate>();
  readonly keep: IssuanceStore["keep"] = this.chains.keep;
  readonly kept: IssuanceStore["kept"] = this.chains.kept;

  async intended(rollId: RollId, registrationId: RegistrationId): Promise<IssuanceIntent | undefined> {
    await Promise.resolve();
    return this.intents.get(keyOf(rollId, registrationId));
  }

  async intend(intent: IssuanceIntent): Promise<IssuanceIntent> {
    await Promise.resolve();
    const key = keyOf(intent.rollId, intent.registrationId);
    const stands = this.intents.get(key) ?? { ...intent };
    this.intents.set(key, stands);
    return stands;
  }

  async record(issued: IssuedCertificate): Promise<void> {
    await Promise.resolve();
    this.ledger.set(`${formatInstant(issued.at)}|${issued.serialNumber}`, { ...issued });
  }

  async listIssued({
    since,
    limit,
    after = formatInstant(since),
  }: IssuedPage): ReturnType<IssuanceStore["listIssued"]> {
    await Promise.resolve();
    const keys = [...this.ledger.keys()].filter((key) => key > after).sort();
    const page = keys.slice(0, limit);
    const issued = page.flatMap((key) => this.ledger.get(key) ?? []);
    const last = page.at(-1);
    return keys.length > limit && last !== undefined ? { issued, next: last } : { issued };
  }
}

/** Blobs by registration id, as text; whoever fills them may put in anything. */
export class MemoryReplacementSource implements ReplacementSource {
  readonly blobs = new Map<RegistrationId, string>();
  private readonly chains = new MemoryChains();
  readonly keep: ReplacementSource["keep"] = this.chains.keep;
  readonly kept: ReplacementSource["kept"] = this.chains.kept;

  constructor(private readonly certificates: CertificateReader) {}

  async find(rollId: RollId, { registrationId, replacement, source }: WantedReplacement): Promise<FoundReplacement> {
    if (replacement.kind !== "none" || source !== "blob") return replacement;
    const kept = await this.kept(rollId, registrationId);
    if (kept !== undefined) return { kind: "blob", chainPem: kept };
    const text = this.blobs.get(registrationId);
    if (text === undefined) return { kind: "none" };
    const reading = this.certificates.readChain(text);
    if (reading.outcome === "read" && text.length <= 64 * 1024) return { kind: "blob", chainPem: reading.chain.pem };
    return {
      kind: "discarded",
      code: reading.outcome === "private-key" ? "private-key-in-input" : "certificate-unreadable",
    };
  }
}
