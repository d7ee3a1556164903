import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import { MAX_REGISTRY_BYTES } from "../../shared/contract/registry-api";
import { API_ROUTES, type RegistryRouteName } from "../../shared/contract/api-routes";
import type { Principal, Role } from "../../shared/domain/operator";
import { isProblem, problem } from "../../shared/domain/outcome";
import { RollError } from "../../shared/domain/roll-error";
import type { createImportDevices } from "../../shared/use-cases/registry/import-devices";
import type { DeviceAddress, DeviceChange, Registry } from "../../shared/use-cases/registry/registry";
import { endpoint } from "./endpoint";
import type { Gate } from "./gate";
import { guarded, jsonResponse, problemResponse } from "./problem";

export interface RegistryEndpoints {
  readonly gate: Gate;
  readonly registry: Registry;
  readonly importDevices: ReturnType<typeof createImportDevices>;
}

/** Where the hub says nothing else (its 429 has no Retry-After): Microsoft's own advice for throttled registries. */
const RETRY_AFTER_SECONDS = 10;

/**
 * `GET` and `POST /api/registry/devices`, `POST /api/registry/import`, `GET`, `PATCH`, `DELETE
 * /api/registry/devices/{deviceId}`, `POST /api/registry/devices/{deviceId}/{disable|enable}`; each with `?hub=` where there
 * are several.
 */
export function registerRegistry({ gate, registry, importDevices }: RegistryEndpoints): void {
  const on = (name: RegistryRouteName, handle: (request: HttpRequest) => Promise<HttpResponseInit>): void => {
    app.http(name, {
      ...endpoint(name),
      authLevel: gate.authLevel,
      handler: (request, context) =>
        guarded(context, () => admitted(gate, API_ROUTES[name].who, handle, request, context)),
    });
  };
  on("listRegistryDevices", async (request) => answer(200, await registry.list(hubOf(request))));
  on("createRegistryDevice", async (request) => {
    const made = await registry.create({ hub: hubOf(request), body: await bytesOf(request) });
    return answer(201, made, "deviceId" in made ? { location: locationOf(made) } : {});
  });
  on("importRegistryDevices", async (request) => {
    const done = await importDevices({ hub: hubOf(request), body: await bytesOf(request) });
    const late = "notTried" in done && done.notTried.length > 0;
    return answer(200, done, late ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {});
  });
  on("getRegistryDevice", async (request) => answer(200, await registry.read(addressOf(request))));
  on("changeRegistryDevice", async (request) => answer(200, await registry.change(await changeOf(request))));
  on("deleteRegistryDevice", async (request) => {
    const done = await registry.delete({ ...addressOf(request), ifMatch: ifMatchOf(request) });
    return isProblem(done) ? problemResponse(done) : { status: 204 };
  });
  on("disableRegistryDevice", async (request) => answer(200, await registry.disable(await changeOf(request))));
  on("enableRegistryDevice", async (request) => answer(200, await registry.enable(await changeOf(request))));
}

/** Who may, and what an outage of the hub looks like from outside: come back later. */
async function admitted(
  gate: Gate,
  role: Role,
  handle: (request: HttpRequest) => Promise<HttpResponseInit>,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  const who: Principal | ReturnType<typeof problem> = await gate.admit(request, role);
  if ("outcome" in who) return problemResponse(who);
  if (Number(request.headers.get("content-length") ?? 0) > MAX_REGISTRY_BYTES)
    return problemResponse(
      problem(413, "payload-too-large", `at most ${MAX_REGISTRY_BYTES} bytes are read; split the list`),
    );
  try {
    const response = await handle(request);
    if (role !== "reader")
      context.log(`${request.method} ${request.params["deviceId"] ?? "list"} by ${who.id}: ${response.status ?? 200}`);
    return response;
  } catch (error) {
    if (!(error instanceof RollError) || !error.retryable) throw error;
    context.warn(error.message);
    const seconds = Math.max(1, Math.ceil((error.retryAfterMs ?? RETRY_AFTER_SECONDS * 1_000) / 1_000));
    return problemResponse(away(error), { "retry-after": String(seconds) });
  }
}

function away(error: RollError) {
  return error.code === "service-throttled"
    ? problem(503, "service-throttled", "the hub asks for fewer calls; try again after the seconds of Retry-After")
    : problem(
        503,
        "service-unavailable",
        "the hub or the storage does not answer just now; a change may have been made: read first",
      );
}

/** Devices carry their version, for If-Match. */
function answer(status: number, result: object, headers: Record<string, string> = {}): HttpResponseInit {
  if (isProblem(result)) return problemResponse(result);
  const etag = "etag" in result && typeof result.etag === "string" ? { etag: `"${result.etag}"` } : {};
  return jsonResponse(status, result, { ...headers, ...etag });
}

function hubOf({ query }: HttpRequest): string | undefined {
  return query.get("hub") ?? undefined;
}

function ifMatchOf({ headers }: HttpRequest): string | undefined {
  return headers.get("if-match") ?? undefined;
}

function addressOf(request: HttpRequest): DeviceAddress {
  return { hub: hubOf(request), deviceId: request.params["deviceId"] ?? "" };
}

async function changeOf(request: HttpRequest): Promise<DeviceChange> {
  return { ...addressOf(request), ifMatch: ifMatchOf(request), body: await bytesOf(request) };
}

async function bytesOf(request: HttpRequest): Promise<Uint8Array> {
  return new Uint8Array(await request.arrayBuffer());
}

function locationOf({ deviceId, hub }: { readonly deviceId: string; readonly hub: string }): string {
  return `/api/registry/devices/${encodeURIComponent(deviceId)}?hub=${hub}`;
}
