import type { EngineContext } from "./engine-context";
import { timeText } from "./engine-context";
import { EventType, type HistoryEvent, stamp, Status } from "./history";
import type { Instance } from "./rows";
import { newExecutionId } from "./turn-commit";

/**
 * Part of a transaction: puts a failed instance back to before its failures. Failed activities and children, their
 * scheduling and the end of the execution leave the history, so that they are asked for again; failed children are
 * rewound in their turn instead of being started anew. Returns whom to wake.
 */
export function rewound(context: EngineContext, instance: Instance, reason: string): string[] {
  const { store } = context;
  const events = store.history(instance.instanceId);
  const failed = new Set<number>();
  for (const event of events) {
    if (event.EventType === EventType.TaskFailed) failed.add(event.TaskScheduledId);
  }
  const failedChildren = new Set<number>();
  for (const event of events) {
    if (event.EventType === EventType.SubOrchestrationInstanceFailed) failedChildren.add(event.TaskScheduledId);
  }
  const executionId = newExecutionId();
  const woken = [instance.instanceId];
  const kept = events.filter((event): boolean => {
    switch (event.EventType) {
      case EventType.TaskFailed:
      case EventType.SubOrchestrationInstanceFailed:
      case EventType.ExecutionCompleted:
        return false;
      case EventType.TaskScheduled:
        return !failed.has(event.EventId);
      default:
        return true;
    }
  });
  for (const event of events) {
    if (event.EventType !== EventType.SubOrchestrationInstanceCreated || !failedChildren.has(event.EventId)) continue;
    const child = store.instance(event.InstanceId);
    if (child?.status !== Status.Failed || child.parent === null) continue;
    const parent = {
      ...child.parent,
      OrchestrationInstance: { InstanceId: instance.instanceId, ExecutionId: executionId },
    };
    woken.push(...rewound(context, { ...child, parent }, reason));
  }
  rewrite(context, { ...instance, executionId }, kept, reason);
  return woken;
}

function rewrite(context: EngineContext, instance: Instance, events: readonly HistoryEvent[], reason: string): void {
  const { store, clock } = context;
  store.file.run("DELETE FROM history WHERE instance_id = ?", instance.instanceId);
  store.addHistory(instance.instanceId, 0, events.map((event) => JSON.stringify(event)).join(","));
  store.writeInstance({ ...instance, status: Status.Running, output: null, completed: null, updated: clock.now() });
  store.addMessage({
    instanceId: instance.instanceId,
    executionId: null,
    event: { ...stamp(EventType.ExecutionRewound, timeText(clock)), Reason: reason },
  });
}
