import type { IotDpsClient } from "@azure/arm-deviceprovisioningservices";
import type { DpsResourceId } from "../../config/variables";
import type { Authorities } from "../../ports/authorities";
import type { TrustedAuthority } from "../../ports/certificates";
import { toPem } from "../x509/pem";
import { callSdk, valueOrThrow } from "./sdk-call";
import type { Transport } from "./transport";

const ARM_HOST = "management.azure.com";
const ARM_SCOPE = `https://${ARM_HOST}/.default`;
/** A breach never waits for the list of authorities: after this long the replacement is judged without it. */
const LIMIT_MS = 3_000;

/**
 * The DPS instance's CA certificates, from Azure Resource Manager. One call takes at most three seconds (or the
 * transport's timeout, if that is shorter), one retry included.
 */
export function createAuthorities(resource: DpsResourceId, transport: Transport): Authorities {
  // Loaded at the first call: it is the slowest library to load and the last one needed.
  let client: Promise<IotDpsClient> | undefined;
  return {
    async listVerified() {
      const limitMs = Math.min(LIMIT_MS, transport.timeoutMs);
      const answer = await callSdk(limitMs, async () => {
        const arm = await (client ??= connect(resource, transport));
        const abortSignal = AbortSignal.timeout(limitMs);
        return arm.dpsCertificate.list(resource.resourceGroup, resource.name, { abortSignal });
      });
      const { value = [] } = valueOrThrow("Azure Resource Manager", answer);
      return value.flatMap(({ name, properties }): TrustedAuthority[] => {
        const certificatePem = pemOf(properties?.certificate);
        return properties?.isVerified === true && name !== undefined && certificatePem !== undefined
          ? [{ name, certificatePem }]
          : [];
      });
    },
  };
}

async function connect(resource: DpsResourceId, transport: Transport): Promise<IotDpsClient> {
  const { IotDpsClient } = await import("@azure/arm-deviceprovisioningservices");
  const agent = transport.agent(ARM_HOST);
  return new IotDpsClient(transport.credential(ARM_HOST), resource.subscriptionId, {
    credentialScopes: ARM_SCOPE,
    retryOptions: { maxRetries: 1, retryDelayInMs: 200, maxRetryDelayInMs: 500 },
    additionalPolicies: [
      {
        position: "perRetry",
        policy: {
          name: "rollcall-agent",
          sendRequest(request, next) {
            request.agent = agent;
            return next(request);
          },
        },
      },
    ],
  });
}

/** ARM hands back what was uploaded: DER, PEM text, or base64 text of DER. */
function pemOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  const buffer = Buffer.from(bytes);
  if (buffer[0] === 0x30) return toPem(buffer);
  const text = buffer.toString("utf8");
  if (text.includes("-----BEGIN")) return text;
  const decoded = Buffer.from(text, "base64");
  return decoded[0] === 0x30 ? toPem(decoded) : undefined;
}
