import { isObject, objectOf, textOf } from "../json";

/** Longest time one request of `callHttp` may take, in milliseconds (the extension's default). */
const timeoutMs = 100_000;

/**
 * Makes the request of a `callHttp` action, in the host's own process as the extension does; answers the JSON text of
 * a DurableHttpResponse. Rejects when there is no response.
 */
export async function callHttp(input: string): Promise<string> {
  const parsed: unknown = JSON.parse(input);
  const request = objectOf(Array.isArray(parsed) ? parsed[0] : undefined);
  if (isObject(request["tokenSource"])) {
    throw new Error("callHttp with a tokenSource is not supported by this host; call the service from an activity.");
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(objectOf(request["headers"]))) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, String(one));
  }
  const content = textOf(request["content"]);
  if (content !== undefined && !headers.has("content-type")) headers.set("content-type", "text/plain; charset=utf-8");
  const response = await fetch(textOf(request["uri"]) ?? "", {
    method: textOf(request["method"]) ?? "GET",
    headers,
    signal: AbortSignal.timeout(timeoutMs),
    redirect: "manual",
    ...(content === undefined ? {} : { body: content }),
  });
  return JSON.stringify({
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    content: await response.text(),
  });
}
