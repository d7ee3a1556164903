import { ClientRefused } from "../engine/client";
import { isFinal, Status } from "../engine/history";
import { type ApiContext, type ApiRequest, type ApiResponse, notFound } from "./api";
import { entityRoutes } from "./entity-endpoints";
import { historyOf } from "./history-format";
import { describe, isJson, isOn, value } from "./instance-view";
import { managementUrls } from "./links";
import { deleteInstances, findInstances } from "./queries";

/** The HTTP API of the Durable extension, for its SDK and for people (docs: durable-functions-http-api). */
export async function handleApi(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  try {
    return await route(context, request);
  } catch (error) {
    if (error instanceof ClientRefused) {
      // The SDK shows the body of a 412 as it is.
      const text = { Message: error.message, ExceptionMessage: error.message };
      return { status: error.status, body: error.status === 412 ? error.message : text };
    }
    throw error;
  }
}

async function route(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const parts = request.path.replace(/\/$/, "").split("/").map(decodeURIComponent);
  const [kind, id, verb, name] = parts;
  const { method } = request;
  if (kind === "orchestrators" && method === "POST" && id !== undefined && parts.length <= 3) {
    return await startInstance(context, request, id, verb);
  }
  if (kind === "entities") return entityRoutes(context, request, id, verb);
  if (kind !== "instances") return notFound();
  if (id === undefined || id === "") {
    if (method === "GET") return findInstances(context.store, request);
    if (method === "DELETE") return deleteInstances(context, request);
    return notFound();
  }
  if (verb === undefined) {
    if (method === "GET") return status(context, request, id);
    if (method !== "DELETE") return notFound();
    return context.client.purge(id) ? { status: 200, body: { instancesDeleted: 1 } } : notFound();
  }
  if (method !== "POST") return notFound();
  if (verb === "raiseEvent" && name !== undefined) return raise(context, request, id, name);
  return change(context, request, id, verb);
}

function change({ client, ...context }: ApiContext, request: ApiRequest, id: string, verb: string): ApiResponse {
  const reason = request.query.get("reason") ?? "";
  switch (verb) {
    case "terminate":
      client.terminate(id, reason);
      return { status: 202 };
    case "suspend":
      client.suspend(id, reason);
      return { status: 202 };
    case "resume":
      client.resume(id, reason);
      return { status: 202 };
    case "rewind":
      client.rewind(id, reason);
      return { status: 202 };
    case "restart": {
      const sameId = request.query.get("restartWithNewInstanceId")?.toLowerCase() === "false";
      return accepted({ client, ...context }, client.restart(id, sameId));
    }
    default:
      return notFound();
  }
}

async function startInstance(
  context: ApiContext,
  request: ApiRequest,
  functionName: string,
  instanceId: string | undefined,
): Promise<ApiResponse> {
  const version = request.query.get("version");
  const body = request.body.trim();
  if (body !== "" && !isJson(body)) throw new ClientRefused(400, "The request body is not JSON.");
  const id = context.client.start(functionName, {
    input: body === "" ? null : body,
    ...(instanceId === undefined || instanceId === "" ? {} : { instanceId }),
    ...(version === null ? {} : { version }),
  });
  const timeout = Number(request.query.get("timeout") ?? 0) * 1000;
  if (!(timeout > 0)) return accepted(context, id);
  const pause = Number(request.query.get("pollingInterval") ?? 1) * 1000;
  const until = context.now() + timeout;
  for (;;) {
    const instance = context.store.instance(id);
    if (instance !== undefined && isFinal(instance.status)) {
      return instance.status === Status.Completed
        ? { status: 200, body: value(instance.output) }
        : { status: instance.status === Status.Failed ? 500 : 200, body: describe(instance, request) };
    }
    if (context.now() >= until) return accepted(context, id);
    await context.wait(Math.max(10, Math.min(pause, until - context.now())));
  }
}

function accepted(context: ApiContext, id: string): ApiResponse {
  const urls = managementUrls(context.baseUrl, context.hubName, id);
  return { status: 202, headers: { location: urls.statusQueryGetUri, "retry-after": "10" }, body: urls };
}

function raise(context: ApiContext, request: ApiRequest, id: string, name: string): ApiResponse {
  const contentType = String(request.headers["content-type"] ?? "");
  if (!/^application\/json\b/i.test(contentType)) {
    throw new ClientRefused(400, "Only application/json request content is supported.");
  }
  if (!isJson(request.body)) {
    throw new ClientRefused(400, "The event's content is not JSON. Send null for an event without content.");
  }
  context.client.raiseEvent(id, name, request.body);
  return { status: 202 };
}

function status(context: ApiContext, request: ApiRequest, id: string): ApiResponse {
  const instance = context.store.instance(id);
  if (instance === undefined) return notFound();
  const body = {
    ...describe(instance, request),
    ...(isOn(request, "showHistory", false)
      ? {
          historyEvents: historyOf(context.store.history(id), {
            outputs: isOn(request, "showHistoryOutput", false),
            inputs: isOn(request, "showInput", true),
          }),
        }
      : {}),
  };
  if (instance.status === Status.Failed && isOn(request, "returnInternalServerErrorOnFailure", false)) {
    return { status: 500, body };
  }
  if (isFinal(instance.status)) return { status: 200, body };
  const { statusQueryGetUri } = managementUrls(context.baseUrl, context.hubName, id);
  return { status: 202, headers: { location: statusQueryGetUri, "retry-after": "5" }, body };
}
