import { X509Certificate } from "node:crypto";
import type { DpsResourceId } from "../../config/variables";
import type { AuthorityName } from "../../domain/ids";
import type { Authorities, Authority } from "../../ports/authorities";
import { armCertificates } from "./arm-client";
import { toAuthority, VerificationCodeAnswer } from "./authority-record";
import { saysLimitReached } from "./dps-answers";
import { valueOrThrow, type CallOutcome } from "./sdk-call";
import { toRollError, unreadable, type ServiceFailure } from "./sdk-errors";
import type { Transport } from "./transport";

const ARM = "Azure Resource Manager";
/** A breach never waits for the list of authorities: after this long the replacement is judged without it. */
const BREACH_LIMIT_MS = 3_000;

/**
 * The DPS instance's CA certificates, from Azure Resource Manager. `listVerified` takes at most three seconds (or the
 * transport's timeout, if that is shorter), every other call of the service the transport's timeout.
 */
export function createAuthorities(resource: DpsResourceId, transport: Transport): Authorities {
  const arm = armCertificates(resource, transport);
  const { timeoutMs } = transport;

  const list = async (limitMs: number): Promise<readonly Authority[]> => {
    const { value = [] } = valueOrThrow(ARM, await arm.list(limitMs));
    return value.map((item) => readAuthority(item));
  };
  /** By way of the list: a 404 for one certificate may also mean that the whole instance is not there. */
  const find = async (name: AuthorityName): Promise<Authority | undefined> => {
    const all = await list(timeoutMs);
    return all.find((authority) => authority.name.toLowerCase() === name.toLowerCase());
  };
  const refusal = async (name: AuthorityName, failure: ServiceFailure) => {
    const { status, detail } = failure;
    if (status === 412) return { outcome: "precondition-failed" } as const;
    if (status === 404 && (await find(name)) === undefined) return { outcome: "missing" } as const;
    if (status === 400 || status === 409) return { outcome: "refused", detail } as const;
    throw toRollError(ARM, failure);
  };

  return {
    async listVerified() {
      const { value = [] } = valueOrThrow(ARM, await arm.list(Math.min(BREACH_LIMIT_MS, timeoutMs)));
      return value.flatMap((item) => {
        const authority = toAuthority(item);
        return authority?.isVerified === true && authority.certificate !== undefined
          ? [{ name: authority.name, certificatePem: authority.certificate.pem }]
          : [];
      });
    },

    list: () => list(timeoutMs),

    async get(name) {
      const authority = await find(name);
      return authority === undefined ? { outcome: "missing" } : { outcome: "found", authority };
    },

    async create(name, certificatePem) {
      const der = derOf(certificatePem);
      if (der === undefined) return { outcome: "refused", detail: "not a certificate" };
      // A PUT without If-Match is documented for new certificates only; nobody wants to learn here what else it does.
      const before = await find(name);
      if (before !== undefined) return { outcome: "exists", authority: before };
      const answer = await arm.create(name, der, timeoutMs);
      if (answer.ok) return { outcome: "created", authority: readAuthority(answer.value) };
      const { status, detail } = answer.failure;
      if (saysLimitReached(answer.failure)) return { outcome: "limit-reached", detail };
      if (status === 409 || status === 412) {
        const since = await find(name);
        return since === undefined ? { outcome: "refused", detail } : { outcome: "exists", authority: since };
      }
      if (status === 400) return { outcome: "refused", detail };
      throw toRollError(ARM, answer.failure);
    },

    async verificationCode(name, etag) {
      const answer = await arm.generateVerificationCode(name, etag, timeoutMs);
      if (!answer.ok) return refusal(name, answer.failure);
      const read = VerificationCodeAnswer.safeParse(answer.value);
      if (!read.success) throw unreadable(ARM, `verification code of ${name}`);
      return { outcome: "issued", code: read.data.properties.verificationCode, etag: read.data.etag };
    },

    async verify(name, etag, verificationPem) {
      const answer = await arm.verify(name, etag, verificationPem, timeoutMs);
      if (!answer.ok) return refusal(name, answer.failure);
      return { outcome: "verified", authority: readAuthority(answer.value) };
    },

    async delete(name, etag) {
      const answer: CallOutcome<void> = await arm.delete(name, etag, timeoutMs);
      if (answer.ok) return { outcome: "deleted" };
      const refused = await refusal(name, answer.failure);
      return refused.outcome === "missing" ? { outcome: "deleted" } : refused;
    },
  };
}

/** @throws RollError `service-answer-unreadable`. */
function readAuthority(resource: unknown): Authority {
  const authority = toAuthority(resource);
  if (authority === undefined) throw unreadable(ARM, "a CA certificate");
  return authority;
}

function derOf(pem: string): Uint8Array | undefined {
  try {
    return new X509Certificate(pem).raw;
  } catch {
    return undefined;
  }
}
