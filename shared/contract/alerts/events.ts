import { z } from "zod";
import { Severity } from "../../domain/alert/policy";
import { OrderedDevice } from "../alert";
import { readGridHubEvent } from "../hub-events";
import { readDefenderAlert, timeOf } from "./defender";
import { clip, unreadable, type FindingScope, type ReadAlert } from "./finding";

const Text = z.string().max(4_000);

/** An event in the Event Grid schema. */
export const GridEvent = z.looseObject({
  id: Text.min(1),
  topic: Text.optional(),
  subject: Text.default(""),
  eventType: Text.min(1),
  eventTime: Text,
  data: z.unknown(),
});

/** An event in the CloudEvents 1.0 schema, structured mode. */
export const CloudEvent = z.looseObject({
  specversion: z.literal("1.0"),
  id: Text.min(1),
  source: Text.min(1),
  type: Text.min(1),
  subject: Text.optional(),
  time: Text.optional(),
  data: z.unknown(),
});

/** What a security system says in an event's data. */
const BreachData = z.looseObject({
  severity: Severity,
  /** Which certificate of the hierarchy is compromised. */
  scope: z.enum(["leaf", "intermediate", "root"]).optional(),
  thumbprint: z
    .string()
    .regex(/^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/)
    .optional(),
  devices: z.array(OrderedDevice).min(1).max(1_000).optional(),
  reason: Text.optional(),
});

/** An event that carries something else than an alert, and is for somebody else here. */
export const SUBSCRIPTION_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent";

/** The code by which Event Grid asks whether the subscription is wanted; undefined if it does not ask. */
export function validationCodeOf(json: unknown): string | undefined {
  const [event] = z.array(GridEvent).safeParse(json).data ?? [];
  if (event?.eventType !== SUBSCRIPTION_VALIDATION) return undefined;
  return z.object({ validationCode: z.string().min(1).max(200) }).safeParse(event.data).data?.validationCode;
}

export function readGridEvent(json: unknown): ReadAlert {
  const parsed = GridEvent.safeParse(json);
  if (!parsed.success) return unreadable(parsed.error);
  const { id, topic = "", subject, eventType, eventTime, data } = parsed.data;
  return toAlert({ source: topic, id, type: eventType, subject, time: eventTime, data });
}

export function readCloudEvent(json: unknown): ReadAlert {
  const parsed = CloudEvent.safeParse(json);
  if (!parsed.success) return unreadable(parsed.error);
  const { id, source, type, subject = "", time, data } = parsed.data;
  return toAlert({ source, id, type, subject, time, data });
}

interface Common {
  readonly source: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string | undefined;
  readonly data: unknown;
}

function toAlert({ source, id, type, subject, time, data }: Common): ReadAlert {
  const about = { source: clip(`events:${source}`, "id"), id: clip(id, "id"), type: clip(type, "type") };
  if (/^Microsoft\.Security/i.test(type)) return readDefenderAlert(data, "defender", false);
  const told = readGridHubEvent(type, time, data);
  if (told !== undefined) return { kind: "hub-told", id: about.id, told };
  // Microsoft's own events are facts about resources, none of them says that a key is in wrong hands.
  if (/^Microsoft\./i.test(type)) return { kind: "nothing", ...about, why: "it is no alert" };
  const parsed = BreachData.safeParse(data);
  if (!parsed.success) return unreadable(parsed.error);
  const { severity, reason } = parsed.data;
  return {
    kind: "finding",
    finding: {
      ...{ ...about, severity, selected: true },
      reason: clip(reason ?? type, "reason"),
      detectedAt: timeOf(time),
      resources: [],
      scope: scopeOf(subject, parsed.data),
    },
  };
}

/** `subject`: `enrollmentGroups/<id>`, `enrollments/<id>` or `devices/<id>`. */
function scopeOf(subject: string, { scope, thumbprint, devices }: z.output<typeof BreachData>): FindingScope {
  const [, kind, id] = /(?:^|\/)(enrollmentGroups|enrollments|devices)\/([^/]+)$/i.exec(subject) ?? [];
  if (kind?.toLowerCase() === "enrollmentgroups" && id !== undefined) {
    const thumbprints = thumbprint === undefined ? {} : { thumbprints: [thumbprint] };
    if (scope === "leaf") return { kind: "group", groupId: id, authority: scope, ...(devices && { devices }) };
    return { kind: "group", groupId: id, authority: scope ?? "intermediate", ...thumbprints };
  }
  if (devices !== undefined) return { kind: "devices", devices };
  const named = id === undefined ? undefined : OrderedDevice.safeParse({ registrationId: id });
  if (named?.success === true) return { kind: "devices", devices: [named.data] };
  return thumbprint === undefined ? { kind: "none" } : { kind: "certificate", thumbprint };
}
