import { createHmac } from "node:crypto";
import type { NoticeTarget } from "../../config/notice-variables";
import { formatInstant } from "../../domain/instant";
import type { Notice } from "../../domain/notice";
import type { Clock } from "../../ports/clock";
import type { NoticeSender } from "../../ports/notices";

/**
 * Sends notices as CloudEvents 1.0. A webhook gets one event, signed as alerts to this app are (`x-roll-timestamp`,
 * `x-roll-signature`); an Event Grid topic gets a batch of one, with the topic's key. 2xx within the time is taken.
 */
export function httpNoticeSender(targets: readonly NoticeTarget[], clock: Clock, timeoutMs: number): NoticeSender {
  return {
    async send(notice) {
      const answers = await Promise.all(targets.map((target) => post(target, cloudEvent(notice), clock, timeoutMs)));
      return answers.every((taken) => taken);
    },
  };
}

function cloudEvent({ id, kind, rollId, at, text }: Notice): object {
  return {
    specversion: "1.0",
    id,
    source: "/rollcall",
    type: `rollcall.${kind}`,
    subject: `rolls/${rollId}`,
    time: formatInstant(at),
    datacontenttype: "application/json",
    data: { rollId, text, statusUrl: `/api/rolls/${rollId}` },
  };
}

async function post(target: NoticeTarget, event: object, clock: Clock, timeoutMs: number): Promise<boolean> {
  const body = JSON.stringify(target.kind === "webhook" ? event : [event]);
  const headers = target.kind === "webhook" ? signed(target.secret, body, clock) : gridHeaders(target.key);
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(target.url, { method: "POST", headers, body, signal, redirect: "error" });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Whatever it was: the outbox tries again.
    return false;
  }
}

function signed(secret: string, body: string, clock: Clock): Record<string, string> {
  const timestamp = String(Math.floor(clock.now() / 1_000));
  const hmac = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return {
    "content-type": "application/cloudevents+json; charset=utf-8",
    "x-roll-timestamp": timestamp,
    "x-roll-signature": `sha256=${hmac}`,
  };
}

function gridHeaders(key: string): Record<string, string> {
  return { "content-type": "application/cloudevents-batch+json; charset=utf-8", "aeg-sas-key": key };
}
