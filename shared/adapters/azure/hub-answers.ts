import type { Query } from "azure-iothub/dist/query";
import { z } from "zod";
import { bulkRefusal, type BulkRefusal } from "../../domain/hub/bulk-refusal";
import { DeviceId, Etag } from "../../domain/ids";
import type { HubIdentity } from "../../ports/hubs";
import type { Page } from "../../ports/page";
import { readBySdk, type CallOutcome } from "./sdk-call";
import { toRollError, unreadable, type ServiceFailure } from "./sdk-errors";

/** An empty slot is null, absent or an empty string. */
export const thumbprint = z
  .string()
  .toUpperCase()
  .nullish()
  .transform((text) => (text ? text : undefined));

const capabilities = z.object({ iotEdge: z.boolean().nullish() }).nullish();

/** How the service names the ways to prove who one is. */
export const authenticationType = z.enum(["selfSigned", "certificateAuthority", "sas", "none"]);

/** Both slots of an identity's thumbprints. */
export const x509Thumbprint = z.object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint }).nullish();

/** The twin's copy of what the identity registry holds (service API 2021-04-12). */
export const TwinIdentity = z
  .object({
    deviceId: DeviceId,
    // `etag` would be the twin's own version.
    deviceEtag: Etag,
    status: z.enum(["enabled", "disabled"]),
    authenticationType,
    x509Thumbprint,
    capabilities,
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

/** The registry's own record of a device (service API 2021-04-12). */
export const RegistryIdentity = z.object({
  deviceId: DeviceId,
  generationId: z.string().min(1),
  etag: Etag,
  status: z.enum(["enabled", "disabled"]),
  statusReason: z.string().nullish(),
  authentication: z.object({ type: authenticationType, x509Thumbprint }),
  capabilities,
});

/** The answer to a bulk call: the same body with 200 and with 400. */
const BulkResult = z.looseObject({
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
type BulkResult = z.infer<typeof BulkResult>;
type BulkError = NonNullable<BulkResult["errors"]>[number];

/** What came of one device of a bulk call. */
export type BulkOutcome = { readonly refusal: undefined } | { readonly refusal: BulkRefusal; readonly detail: string };

/**
 * One outcome per device, also when the service refuses the whole call. A device that is not named counts as done, unless
 * the call failed and names nobody, or names somebody else: then nothing is known about it.
 */
export function bulkOutcomes(
  service: string,
  answer: CallOutcome<{ readonly responseBody: unknown }>,
  asked: readonly DeviceId[],
): ReadonlyMap<DeviceId, BulkOutcome> {
  const body: unknown = answer.ok ? answer.value.responseBody : refusedBody(answer.failure);
  const result = BulkResult.safeParse(body);
  if (result.success) return outcomesOf(result.data, asked);
  if (answer.ok) throw unreadable(service, "bulk result");
  const { status, code, detail } = answer.failure;
  // The whole call was malformed or refused; trying the same again will not change it.
  if (status !== 400 && status !== 413) throw toRollError(service, answer.failure);
  return new Map(asked.map((id) => [id, { refusal: "other", detail: `${code ?? status} ${detail}` }]));
}

function outcomesOf(result: BulkResult, asked: readonly DeviceId[]): ReadonlyMap<DeviceId, BulkOutcome> {
  const errors = result.errors ?? [];
  const foreign = errors.find(({ deviceId }) => !asked.some((id) => id === deviceId));
  const unnamed: BulkError | undefined =
    !result.isSuccessful && errors.length === 0 ? { errorStatus: "refused without a reason" } : foreign;
  const outcomeOf = (id: DeviceId): BulkOutcome => {
    const error = errors.find(({ deviceId }) => deviceId === id) ?? unnamed;
    if (error === undefined) return { refusal: undefined };
    const detail = `${error.errorCode ?? ""} ${error.errorStatus ?? ""}`.trim().slice(0, 300);
    return { refusal: bulkRefusal(error.errorCode), detail };
  };
  return new Map(asked.map((id) => [id, outcomeOf(id)]));
}

/** A refused bulk call carries its list of outcomes in the error's body. */
function refusedBody(failure: ServiceFailure): unknown {
  try {
    return failure.status === 400 && failure.body !== undefined ? JSON.parse(failure.body) : undefined;
  } catch {
    return undefined;
  }
}

/** A 404 that speaks of the device: a bare one comes from something in between, and would pass for "contained". */
export function saysDeviceMissing({ status, code }: ServiceFailure): boolean {
  return status === 404 && (code === "DeviceNotFound" || code === "404001");
}

/** Records per page of a query (Microsoft docs: query twins). */
const PAGE_SIZE = 100;

/** A page of a query, each row read by `read`. */
export async function readHubPage<T>(
  service: string,
  timeoutMs: number,
  query: (pageSize: number) => Query,
  cursor: string | undefined,
  read: (row: unknown) => T,
): Promise<Page<T>> {
  const answer = await readBySdk(timeoutMs, async () => {
    const asked = query(PAGE_SIZE);
    // Without an argument the promise form would begin again whatever page the query stands at.
    const answered = await (cursor === undefined ? asked.next() : asked.next(cursor));
    const page: Record<"rows" | "next", unknown> = { rows: answered.result, next: asked.continuationToken };
    return page;
  });
  if (!answer.ok) throw toRollError(service, answer.failure);
  const { rows, next } = answer.value;
  if (!Array.isArray(rows)) throw unreadable(service, "page of a query");
  return { items: rows.map(read), next: typeof next === "string" && next !== "" ? next : undefined };
}
