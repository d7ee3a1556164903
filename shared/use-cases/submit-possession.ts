import { z } from "zod";
import { Pem } from "../contract/alert";
import { firstCertificate } from "../domain/certificate/first-certificate";
import type { Principal } from "../domain/operator";
import type { RollId } from "../domain/ids";
import { isProblem, problem, type Problem } from "../domain/outcome";
import type { Authorities } from "../ports/authorities";
import type { CertificateReader } from "../ports/certificates";
import type { Clock } from "../ports/clock";
import type { RollJournal } from "../ports/roll-journal";
import type { RollStore } from "../ports/stores";
import { submitProof } from "../steps/prove-possession";
import { readJsonBody } from "./json-body";
import { findRoll } from "./find-roll";

export interface SubmitPossessionDeps {
  readonly clock: Clock;
  readonly certificates: CertificateReader;
  readonly authorities: Authorities;
  readonly journal: RollJournal;
  readonly rolls: RollStore;
}

/** The body of `POST /api/rolls/{rollId}/possession`. */
const PossessionBody = z.strictObject({
  /** The verification certificate: its common name is the roll's verification code, its issuer the new CA. */
  certificatePem: Pem,
});

export type PossessionAnswer =
  Problem | { readonly outcome: "verified"; readonly rollId: RollId; readonly authorityName: string };

const MAX_BYTES = 64 * 1024;

/**
 * Hands a verification certificate to DPS and says at once whether it proves possession of the new CA's key. What is wrong
 * with it is told before DPS sees it where that can be known: a certificate that DPS refuses makes the code void.
 *
 * Problems: `payload-too-large`, `malformed-json`, `invalid-possession`, `unknown-roll`, `no-possession-awaited`,
 * `private-key-in-input`, `certificate-unreadable`, `possession-refused`.
 */
export function createSubmitPossession(
  deps: SubmitPossessionDeps,
): (proof: {
  readonly rollId: string;
  readonly body: Uint8Array;
  readonly by: Principal;
}) => Promise<PossessionAnswer> {
  const { certificates, rolls } = deps;
  return async ({ rollId: text, body, by }) => {
    const read = readJsonBody(body, MAX_BYTES, PossessionBody, "invalid-possession");
    if (read.outcome === "problem") return read;
    const roll = await findRoll(rolls, text);
    if (isProblem(roll)) return roll;
    const awaited = roll.trust?.possession;
    if (awaited === undefined || roll.phase === "finished")
      return problem(
        409,
        "no-possession-awaited",
        "the roll waits for no proof of possession; GET it to see how it stands",
      );

    const reading = certificates.readChain(read.value.certificatePem);
    if (reading.outcome === "private-key")
      return problem(
        400,
        "private-key-in-input",
        "the text holds a private key; it was discarded. Treat that key as leaked, and send certificates only",
      );
    if (reading.outcome === "unreadable") return problem(400, "certificate-unreadable", reading.detail);
    const { leaf, pem } = reading.chain;
    const { authorityName, verificationCode } = awaited;
    if (leaf.commonName !== verificationCode)
      return problem(
        422,
        "possession-refused",
        `the certificate's common name must be the code ${verificationCode}; sign one for it with the key of "${authorityName}"`,
      );
    const answer = await submitProof(deps, roll.rollId, authorityName, firstCertificate(pem), by.name);
    if (answer.outcome === "verified") return { outcome: "verified", rollId: roll.rollId, authorityName };
    return problem(
      422,
      "possession-refused",
      `DPS does not take it: ${answer.detail}. The roll will ask for another code; GET it, and sign that one with the key of "${authorityName}"`,
    );
  };
}
