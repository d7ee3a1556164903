import { EventType, type HistoryEvent } from "../engine/history";
import { escapeHtml } from "./html";

interface Span {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly state: "done" | "failed" | "open";
}

/** One bar per activity, timer and child, from when it was scheduled to when its result came. */
export function timeline(events: readonly HistoryEvent[]): string {
  const times = events.map((event) => Date.parse(event.Timestamp));
  const begin = Math.min(...times);
  const end = Math.max(...times, begin + 1);
  const spans = events.flatMap((event): Span[] => {
    if (event.EventId < 0 || event.EventType === EventType.EventSent) return [];
    const completion = events.find((other) => completedId(other) === event.EventId);
    const failed =
      completion?.EventType === EventType.TaskFailed ||
      completion?.EventType === EventType.SubOrchestrationInstanceFailed;
    return [
      {
        label: "Name" in event ? event.Name : "timer",
        from: Date.parse(event.Timestamp),
        to: completion === undefined ? end : Date.parse(completion.Timestamp),
        state: completion === undefined ? "open" : failed ? "failed" : "done",
      },
    ];
  });
  const percent = (time: number): string => ((100 * (time - begin)) / (end - begin)).toFixed(2);
  return spans
    .map(({ label, from, to, state }) => {
      const style = `left:${percent(from)}%;width:${(Number(percent(to)) - Number(percent(from))).toFixed(2)}%`;
      return `<div class="bar"><span class="${state}" style="${style}"></span><b>${escapeHtml(label)} ${to - from} ms</b></div>`;
    })
    .join("\n");
}

function completedId(event: HistoryEvent): number | undefined {
  if ("TaskScheduledId" in event) return event.TaskScheduledId;
  return event.EventType === EventType.TimerFired ? event.TimerId : undefined;
}
