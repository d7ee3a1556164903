import { z } from "zod";
import { Sha256Thumbprint, type HubHostName } from "../ids";
import { addMs, Instant } from "../instant";

/** A hub's name: the first label of its host name, in lower case; what events call it. */
export const HubName = z.string().regex(/^[a-z0-9-]{1,50}$/);
export type HubName = z.infer<typeof HubName>;

export function hubNameOf(hostName: HubHostName): HubName {
  return hostName.split(".")[0] ?? hostName;
}

/** A change of a device's connection: the hub looks once a minute and tells what differs. */
export const ConnectionChange = z.object({
  at: Instant,
  /** 64 hex digits, rising with every change that this hub tells of; compared as text. */
  sequence: z.string().regex(/^[0-9A-F]{64}$/),
});
export type ConnectionChange = z.infer<typeof ConnectionChange>;

/** An attempt to connect that the hub turned away. */
export const Refusal = z.object({
  at: Instant,
  /** The hub's error number, such as 401003. */
  code: z.string().regex(/^\d{1,6}$/),
  /** The leaf that was presented, where the log names it. */
  sha256Thumbprint: Sha256Thumbprint.optional(),
});
export type Refusal = z.infer<typeof Refusal>;

/**
 * What one hub tells of a device by itself, the newest of each kind. All of it is best effort: events and logs come late,
 * twice or never, so that nothing may depend on their coming.
 */
export const HubWord = z.object({
  connected: ConnectionChange.optional(),
  disconnected: ConnectionChange.optional(),
  created: Instant.optional(),
  deleted: Instant.optional(),
  /** The connection log says that the hub let the device in. */
  admitted: Instant.optional(),
  refused: Refusal.optional(),
});
export type HubWord = z.infer<typeof HubWord>;

/** How much later than it happened a hub may date a change of a connection. */
export const CONNECTION_LAG_MS = 60_000;

/** Monotone: the same words in any order, and any of them twice, give the same. */
export function mergeWords(known: HubWord | undefined, news: HubWord): HubWord {
  if (known === undefined) return news;
  return {
    connected: laterChange(known.connected, news.connected),
    disconnected: laterChange(known.disconnected, news.disconnected),
    created: latest(known.created, news.created),
    deleted: latest(known.deleted, news.deleted),
    admitted: latest(known.admitted, news.admitted),
    refused: laterRefusal(known.refused, news.refused),
  };
}

function laterChange(a: ConnectionChange | undefined, b: ConnectionChange | undefined): ConnectionChange | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.sequence > a.sequence ? b : a;
}

function laterRefusal(a: Refusal | undefined, b: Refusal | undefined): Refusal | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return textOf(b) > textOf(a) ? b : a;
}

/** Time first; two in the same millisecond have an order as well. */
function textOf({ at, code, sha256Thumbprint }: Refusal): string {
  return `${String(at).padStart(16, "0")} ${code} ${sha256Thumbprint ?? ""}`;
}

function latest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b > a ? b : a;
}

/** What a word of one kind adds to what the hub had said before: connections by its sequence, all else by its time. */
export function noveltyOfWord(known: HubWord | undefined, news: HubWord): "applied" | "duplicate" | "stale" {
  const [before, now] = [rankOf(known ?? {}, news), rankOf(news, news)];
  if (before === "" || now > before) return "applied";
  return now === before ? "duplicate" : "stale";
}

/** Where `word` stands in the order that the one kind in `like` is part of; text that sorts. */
function rankOf(word: HubWord, like: HubWord): string {
  const time = (at: Instant | undefined): string => (at === undefined ? "" : String(at).padStart(16, "0"));
  const last = (...ranks: readonly string[]): string => ranks.reduce((a, b) => (b > a ? b : a), "");
  if (like.connected !== undefined || like.disconnected !== undefined)
    return last(word.connected?.sequence ?? "", word.disconnected?.sequence ?? "");
  if (like.created !== undefined || like.deleted !== undefined) return last(time(word.created), time(word.deleted));
  if (like.admitted !== undefined) return time(word.admitted);
  return word.refused === undefined ? "" : textOf(word.refused);
}

/** No session that the hub tells of began later than it says; the earliest moment at which the newest can have begun. */
export function newestSession({ connected, admitted }: HubWord): Instant | undefined {
  const told = connected === undefined ? undefined : addMs(connected.at, -CONNECTION_LAG_MS);
  return latest(told, admitted);
}

/** The identity is gone, as far as this hub has told. */
export function isDeleted({ created, deleted }: HubWord): boolean {
  return deleted !== undefined && deleted >= (created ?? 0);
}

/** Who was refused after this moment, the last at each hub. */
export function refusedSince(
  hubs: Readonly<Record<HubName, HubWord>> | undefined,
  since: Instant,
): readonly { readonly hub: HubName; readonly refused: Refusal }[] {
  return Object.entries(hubs ?? {}).flatMap(([hub, { refused }]) =>
    refused === undefined || refused.at <= since ? [] : [{ hub, refused }],
  );
}
