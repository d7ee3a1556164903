import { tryParse } from "../json";
import type { TypedData } from "../worker/protocol";
import { readFailureDetails } from "./actions";
import { EventType, type FailureDetails, stamp, type TaskFailed } from "./history";
import { maskCredentials } from "./mask-credentials";
import type { ActivityRow } from "./rows";

/** JSON text of what an activity returned; null for nothing. */
export function activityResult(value: TypedData | null | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (value.string !== undefined) return JSON.stringify(value.string);
  if (value.json !== undefined) return value.json;
  if (value.int !== undefined) return JSON.stringify(value.int);
  if (value.double !== undefined) return JSON.stringify(value.double);
  if (value.bytes !== undefined) return JSON.stringify(Buffer.from(value.bytes).toString("base64"));
  return null;
}

/**
 * The event of a failed activity: text as the extension writes it, with structure beside it when the app's
 * `setExceptionPropertiesProvider` gave some.
 */
export function activityFailed(row: ActivityRow, message: string, at: string): TaskFailed {
  const structured = structuredFailure(message);
  const masked = maskCredentials(structured?.ErrorMessage ?? message);
  return {
    ...stamp(EventType.TaskFailed, at),
    TaskScheduledId: row.taskId,
    Reason: `Activity function '${row.name}' failed: ${masked}`,
    Details: JSON.stringify({
      $type: "System.Exception, System.Private.CoreLib",
      ClassName: "System.Exception",
      Message: masked,
    }),
    ...(structured === undefined ? {} : { FailureDetails: structured }),
  };
}

function structuredFailure(message: string): FailureDetails | undefined {
  if (!message.startsWith("{")) return undefined;
  return readFailureDetails(tryParse(message));
}
