import type { DpsCertificate, IotDpsClient } from "@azure/arm-deviceprovisioningservices";
import type { DpsResourceId } from "../../config/variables";
import type { AuthorityName, Etag } from "../../domain/ids";
import { pipelineOptions } from "./pipeline-options";
import { callSdk, type CallOutcome } from "./sdk-call";
import type { Transport } from "./transport";

const ARM_HOST = "management.azure.com";
const ARM_SCOPE = `https://${ARM_HOST}/.default`;

/**
 * The CA certificates of one DPS instance as Azure Resource Manager's SDK has them, with one order of arguments: the SDK
 * (5.1.0) has another one in each call, and all of them are strings. Each call ends within `limitMs`, one retry included.
 */
export interface ArmCertificates {
  list(limitMs: number): Promise<CallOutcome<Awaited<ReturnType<DpsCertificate["list"]>>>>;
  /** Without If-Match: the service takes it for a new certificate. */
  create(name: AuthorityName, der: Uint8Array, limitMs: number): Promise<CallOutcome<unknown>>;
  generateVerificationCode(name: AuthorityName, etag: Etag, limitMs: number): Promise<CallOutcome<unknown>>;
  verify(name: AuthorityName, etag: Etag, certificatePem: string, limitMs: number): Promise<CallOutcome<unknown>>;
  delete(name: AuthorityName, etag: Etag, limitMs: number): Promise<CallOutcome<void>>;
}

/** Sends nothing yet. */
export function armCertificates(resource: DpsResourceId, transport: Transport): ArmCertificates {
  const { resourceGroup, name: dps } = resource;
  // Loaded at the first call: it is the slowest library to load and the last one needed.
  let client: Promise<IotDpsClient> | undefined;
  const call = <T>(
    limitMs: number,
    run: (certificates: DpsCertificate, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<CallOutcome<T>> =>
    callSdk(limitMs, async () => {
      const { dpsCertificate } = await (client ??= connect(resource, transport));
      return run(dpsCertificate, { abortSignal: AbortSignal.timeout(limitMs) });
    });

  return {
    list: (limitMs) => call(limitMs, (arm, options) => arm.list(resourceGroup, dps, options)),
    create: (name, certificate, limitMs) =>
      call(limitMs, (arm, options) =>
        arm.createOrUpdate(resourceGroup, dps, name, { properties: { certificate } }, options),
      ),
    generateVerificationCode: (name, etag, limitMs) =>
      call(limitMs, (arm, options) => arm.generateVerificationCode(name, etag, resourceGroup, dps, options)),
    verify: (name, etag, certificate, limitMs) =>
      call(limitMs, (arm, options) => arm.verifyCertificate(name, etag, resourceGroup, dps, { certificate }, options)),
    delete: (name, etag, limitMs) =>
      call(limitMs, (arm, options) => arm.delete(resourceGroup, etag, dps, name, options)),
  };
}

async function connect(resource: DpsResourceId, transport: Transport): Promise<IotDpsClient> {
  const { IotDpsClient } = await import("@azure/arm-deviceprovisioningservices");
  return new IotDpsClient(transport.credential(ARM_HOST), resource.subscriptionId, {
    credentialScopes: ARM_SCOPE,
    ...pipelineOptions(transport.agent(ARM_HOST)),
  });
}
