/** Why the hub refused one identity of many. */
export type BulkRefusal = "precondition-failed" | "missing" | "exists" | "other";

/** Reads an error code of IoT Hub, which writes it as number or as name, in bulk answers as in the logs of imports. */
export function bulkRefusal(code: string | number | null | undefined): BulkRefusal {
  const text = String(code ?? "");
  if (/^412\d{3}$|^400023$|PreconditionFailed|EtagDoesNotMatch/i.test(text)) return "precondition-failed";
  if (/^404001$|^DeviceNotFound$/i.test(text)) return "missing";
  if (/^409001$|^DeviceAlreadyExists$/i.test(text)) return "exists";
  return "other";
}
