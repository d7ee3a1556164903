/** Milliseconds of a .NET TimeSpan text (`[d.]hh:mm:ss[.fffffff]`), or undefined when it is none. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/.exec(text.trim());
  if (match === null) return undefined;
  const [days, hours, minutes, seconds] = [match[1], match[2], match[3], match[4]].map((part) => Number(part ?? 0));
  const fraction = Number(`0.${match[5] ?? 0}`);
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + ((seconds ?? 0) + fraction) * 1000;
}

/** `d.hh:mm:ss` as the Durable extension writes its timer limits. */
export function formatTimeSpan(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  return `${days}.${new Date(ms % 86_400_000).toISOString().slice(11, 19)}`;
}
