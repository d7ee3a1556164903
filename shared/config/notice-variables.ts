import { z } from "zod";
import { readJson } from "./variables";

const Target = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), url: z.url(), secret: z.string().min(16).max(500) }),
  z.strictObject({ kind: z.literal("event-grid"), url: z.url(), key: z.string().min(16).max(500) }),
]);
/** Where notices go. */
export type NoticeTarget = z.infer<typeof Target>;

/** What to do about an unreadable `ROLLCALL_NOTIFY`. */
export const NOTIFY_FORM =
  'leave it out, or give a JSON array of {"kind": "webhook", "url": "https://…", "secret": "<16 characters and more>"} and {"kind": "event-grid", "url": "https://<topic>…/api/events", "key": "…"}';

/** HTTPS only; plain HTTP is for this machine alone. */
export function readNoticeTargets(text: string): readonly NoticeTarget[] | undefined {
  const { data } = z.array(Target).max(10).safeParse(readJson(text));
  const isSafe = ({ url }: NoticeTarget): boolean => {
    const { protocol, hostname } = new URL(url);
    return protocol === "https:" || (protocol === "http:" && hostname === "127.0.0.1");
  };
  return data?.every(isSafe) === true ? data : undefined;
}
