import { judgeIssued, keyChanged, lintRequest, plannedValidity } from "../../domain/certificate/issuance";
import type { CertificatePolicy } from "../../domain/certificate/policy";
import { RollError } from "../../domain/roll-error";
import type { Refusal } from "../../domain/roll/device-row";
import type { CertificateReader, Chain } from "../../ports/certificates";
import type { Clock, Entropy } from "../../ports/clock";
import type { CertificateIssuer, Issuance, IssuanceIntent, IssuanceStore, IssueOrder } from "../../ports/issuers";
import { readRequest, type CertificateRequest } from "../x509/certificate-request";
import type { LeafSigner } from "./leaf-signer";
import { newSerialNumber } from "./serial-number";

export interface LedgeredIssuerDeps {
  readonly signer: LeafSigner;
  readonly store: IssuanceStore;
  readonly certificates: CertificateReader;
  readonly policy: CertificatePolicy;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/**
 * Issues at most one certificate per (roll, registration). The order is the promise: record what will be signed, sign, keep
 * the first certificate, write the ledger, answer. Whatever is cut off is done again from where it ended; a certificate
 * that was signed but lost the race to be kept is known to nobody.
 */
export class LedgeredIssuer implements CertificateIssuer {
  constructor(private readonly deps: LedgeredIssuerDeps) {}

  async issue(order: IssueOrder): Promise<Issuance> {
    const { signer, store, policy } = this.deps;
    const { rollId, registrationId } = order;
    const reading = readRequest(order.csrPem);
    const refusal = lintRequest(reading, registrationId, policy);
    if (refusal !== undefined) return refused(refusal);
    if (reading.outcome !== "read") throw new RangeError("an unreadable request is refused");
    const { request } = reading;

    const earlier = await store.intended(rollId, registrationId);
    const intent = earlier ?? (await this.intend(order, request));
    if ("code" in intent) return refused(intent);
    const changed = keyChanged(intent.publicKeySha256, request);
    if (changed !== undefined) return refused(changed);
    const kept = earlier === undefined ? undefined : await store.kept(rollId, registrationId);
    if (kept !== undefined) return this.answer(intent, kept);

    // Serial number and validity are those that were recorded, by this run or by an earlier one.
    const { serialNumber = "", notBefore, notAfter } = intent;
    const leaf = { request, registrationId, profile: order.profile, serialNumber, notBefore, notAfter };
    const signed = await signer.sign(leaf);
    if (signed.outcome !== "signed") return signed;
    const otherwise = judgeIssued(this.read(signed.chainPem).leaf, intent);
    if (otherwise !== undefined) return refused(otherwise);
    return this.answer(intent, await store.keep(rollId, registrationId, signed.chainPem));
  }

  private async intend(order: IssueOrder, request: CertificateRequest): Promise<IssuanceIntent | Refusal> {
    const { clock, signer, store } = this.deps;
    const at = clock.now();
    const validity = plannedValidity(order.profile, signer.authorities, at);
    if ("code" in validity) return validity;
    const { rollId, registrationId } = order;
    const serialNumber = signer.followsTemplate ? newSerialNumber(this.deps.entropy) : undefined;
    return store.intend({
      rollId,
      registrationId,
      serialNumber,
      publicKeySha256: request.publicKeySha256,
      ...validity,
      at,
    });
  }

  /** The ledger is written with every answer, because an earlier run may have ended just before. */
  private async answer(intent: IssuanceIntent, chainPem: string): Promise<Issuance> {
    const { leaf, issuers } = this.read(chainPem);
    await this.deps.store.record({
      rollId: intent.rollId,
      registrationId: intent.registrationId,
      serialNumber: leaf.serialNumber,
      sha256Thumbprint: leaf.sha256Thumbprint,
      publicKeySha256: leaf.publicKeySha256,
      issuerThumbprint: issuers[0]?.sha256Thumbprint ?? this.deps.signer.authorities[0]?.sha256Thumbprint,
      notAfter: leaf.notAfter,
      at: intent.at,
    });
    return { outcome: "issued", chainPem, warnings: this.deps.signer.warnings };
  }

  private read(chainPem: string): Chain {
    const reading = this.deps.certificates.readChain(chainPem);
    if (reading.outcome === "read") return reading.chain;
    throw new RollError("service-answer-unreadable", "an issued certificate cannot be read", false);
  }
}

function refused(refusal: Refusal): Issuance {
  return { outcome: "refused", refusal };
}
