import { z } from "zod";
import { DeviceId, Etag } from "../../domain/ids";
import type { HubIdentity, IdentityWriteOutcome } from "../../ports/hubs";

const thumbprint = z
  .string()
  .toUpperCase()
  .nullish()
  .transform((text) => (text ? text : undefined));

/** The twin's copy of what the identity registry holds (service API 2021-04-12). */
export const TwinIdentity = z
  .object({
    deviceId: DeviceId,
    // `etag` would be the twin's own version.
    deviceEtag: Etag,
    status: z.enum(["enabled", "disabled"]),
    authenticationType: z.enum(["selfSigned", "certificateAuthority", "sas", "none"]),
    x509Thumbprint: z.object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint }).nullish(),
    capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
  })
  .transform((twin): HubIdentity => ({
    deviceId: twin.deviceId,
    etag: twin.deviceEtag,
    status: twin.status,
    authentication: twin.authenticationType,
    primaryThumbprint: twin.x509Thumbprint?.primaryThumbprint,
    secondaryThumbprint: twin.x509Thumbprint?.secondaryThumbprint,
    iotEdge: twin.capabilities?.iotEdge ?? false,
  }));

/** The answer to a bulk call: the same body with 200 and with 400. */
export const BulkResult = z.looseObject({
  isSuccessful: z.boolean(),
  errors: z
    .array(
      z.looseObject({
        deviceId: z.string().nullish(),
        errorCode: z.union([z.string(), z.number()]).nullish(),
        errorStatus: z.string().nullish(),
      }),
    )
    .nullish(),
});
export type BulkResult = z.infer<typeof BulkResult>;

/**
 * One outcome per device. A device that is not named counts as written, unless the call failed and names nobody, or names
 * somebody else: then nothing is known about it.
 */
export function outcomesOf(
  result: BulkResult,
  asked: readonly DeviceId[],
): ReadonlyMap<DeviceId, IdentityWriteOutcome> {
  const errors = result.errors ?? [];
  const foreign = errors.find(({ deviceId }) => !asked.some((id) => id === deviceId));
  const unnamed = !result.isSuccessful && errors.length === 0 ? { errorStatus: "refused without a reason" } : foreign;
  return new Map(
    asked.map((id) => {
      const error = errors.find(({ deviceId }) => deviceId === id) ?? unnamed;
      return [id, error === undefined ? { outcome: "written" } : outcomeOf(error)];
    }),
  );
}

/** IoT Hub writes its error codes as number or as name. */
function outcomeOf(error: {
  readonly errorCode?: string | number | null | undefined;
  readonly errorStatus?: string | null | undefined;
}): IdentityWriteOutcome {
  const code = String(error.errorCode ?? "");
  if (/^412\d{3}$|^400023$|PreconditionFailed|EtagDoesNotMatch/i.test(code)) return { outcome: "precondition-failed" };
  if (/^404001$|^DeviceNotFound$/i.test(code)) return { outcome: "missing" };
  const detail = `${code} ${error.errorStatus ?? ""}`.trim();
  return { outcome: "failed", detail: detail.slice(0, 300) };
}
