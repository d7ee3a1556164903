import { Agent, request } from "node:https";
import { RollError } from "../../domain/roll-error";
import { readCertsOnly } from "../x509/certs-only";

/** Where an EST server (RFC 7030) is and how it knows this app. */
export interface EstAccess {
  /** Such as `https://est.contoso.com/.well-known/est` or that with `/<label>`. */
  readonly url: string;
  /** Whom the server's certificate must come from; undefined: the machine's own trust store. */
  readonly caPem?: string | undefined;
  readonly as:
    | { readonly kind: "password"; readonly user: string; readonly password: string }
    | { readonly kind: "certificate"; readonly certificatePem: string; readonly privateKeyPem: string };
}

export type Enrolled =
  | { readonly outcome: "issued"; readonly certificates: readonly Buffer[] }
  | { readonly outcome: "pending"; readonly retryAfterMs: number }
  /** The server's own words, one line. */
  | { readonly outcome: "refused"; readonly detail: string };

export interface EstClient {
  /** `POST /simpleenroll`, once: whoever repeats it may get a second certificate. */
  enroll(requestDer: Buffer): Promise<Enrolled>;
  /** `GET /cacerts`: the CAs of the server, as DER. */
  authorities(): Promise<readonly Buffer[]>;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}

const MAX_ANSWER_CHARS = 1024 * 1024;
/** RFC 7030 §4.2.3 leaves the pause open where the server names none. */
const DEFAULT_PAUSE_MS = 60_000;

/** Every call ends within `timeoutMs`; throws `RollError` for outages. Sends nothing yet. */
export function connectEst(access: EstAccess, timeoutMs: number, port?: number): EstClient {
  const { as, url } = access;
  const agent = new Agent({
    keepAlive: true,
    ...(access.caPem === undefined ? {} : { ca: access.caPem }),
    ...(as.kind === "certificate" ? { cert: as.certificatePem, key: as.privateKeyPem } : {}),
    ...(port === undefined ? {} : { host: "127.0.0.1", port }),
  });
  const headers =
    as.kind === "password"
      ? { authorization: `Basic ${Buffer.from(`${as.user}:${as.password}`, "utf8").toString("base64")}` }
      : {};
  const call = (method: string, path: string, body: string | undefined, more: Record<string, string> = {}) =>
    send(`${url.replace(/\/$/, "")}/${path}`, { method, agent, timeoutMs, headers: { ...headers, ...more } }, body);

  return {
    async enroll(requestDer) {
      const answer = await call("POST", "simpleenroll", requestDer.toString("base64"), {
        "content-type": "application/pkcs10",
        "content-transfer-encoding": "base64",
      });
      if (answer.status === 200) return { outcome: "issued", certificates: certificatesOf(answer) };
      if (answer.status === 202) return { outcome: "pending", retryAfterMs: pauseMs(answer.retryAfter) };
      const theirWords = `the EST server answered ${answer.status}: ${oneLine(answer.body)}`;
      if ([400, 409, 413, 415, 422].includes(answer.status)) return { outcome: "refused", detail: theirWords };
      throw outage(answer, theirWords);
    },
    async authorities() {
      const answer = await call("GET", "cacerts", undefined);
      if (answer.status === 200) return certificatesOf(answer);
      throw outage(answer, `the EST server answered ${answer.status} when asked for its CAs`);
    },
  };
}

function certificatesOf({ body }: Answer): readonly Buffer[] {
  try {
    return readCertsOnly(Buffer.from(body, "base64"));
  } catch {
    throw new RollError("service-answer-unreadable", "the EST server's answer is no certs-only PKCS #7", false);
  }
}

function outage({ status, retryAfter }: Answer, message: string): RollError {
  const options = retryAfter === undefined ? undefined : { retryAfterMs: pauseMs(retryAfter) };
  if (status === 401 || status === 403) return new RollError("service-denied-us", message, false, options);
  if (status === 429) return new RollError("service-throttled", message, true, options);
  if (status >= 500 || status === 408) return new RollError("service-unavailable", message, true, options);
  return new RollError("service-answer-unreadable", message, false, options);
}

/** Seconds, or a date (RFC 9110 §10.2.3), which is as good as no word: clocks differ. */
function pauseMs(retryAfter: string | undefined): number {
  return retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : DEFAULT_PAUSE_MS;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 200) || "(nothing more)";
}

function send(
  url: string,
  o: {
    readonly method: string;
    readonly agent: Agent;
    readonly timeoutMs: number;
    readonly headers: Record<string, string>;
  },
  body: string | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, agent, headers } = o;
    const fail = (error: Error): void => {
      const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
      reject(new RollError("service-unavailable", `the EST server did not answer (${code})`, true, { cause: error }));
    };
    const sent = request(url, { method, agent, headers, signal: AbortSignal.timeout(o.timeoutMs) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (text.length > MAX_ANSWER_CHARS) response.destroy(new Error("too long"));
      });
      response.on("error", fail);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], body: text });
      });
    });
    sent.on("error", fail);
    sent.end(body);
  });
}
