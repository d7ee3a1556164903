import { z } from "zod";
import type { Severity } from "../../domain/alert/policy";
import { RegistrationIdText } from "../alert";
import { timeOf } from "./defender";
import { clip, unreadable, type FindingScope, type ReadAlert } from "./finding";

const Text = z.string().max(20_000);

/** The common alert schema of Azure Monitor action groups. */
const CommonAlert = z.looseObject({
  schemaId: z.literal("azureMonitorCommonAlertSchema"),
  data: z.looseObject({
    essentials: z.looseObject({
      alertId: Text.min(1),
      alertRule: Text.optional(),
      severity: z.enum(["Sev0", "Sev1", "Sev2", "Sev3", "Sev4"]),
      monitorCondition: z.enum(["Fired", "Resolved"]),
      // A single text in the wild.
      alertTargetIDs: z.union([Text, z.array(Text).max(100)]).optional(),
      originAlertId: Text.optional(),
      firedDateTime: Text.optional(),
      description: Text.nullish(),
    }),
    alertContext: z
      .looseObject({
        condition: z
          .looseObject({
            allOf: z
              .array(
                z.looseObject({
                  dimensions: z
                    .array(z.looseObject({ name: Text, value: Text }))
                    .max(100)
                    .nullish(),
                }),
              )
              .max(100)
              .nullish(),
          })
          .nullish(),
      })
      .nullish(),
    customProperties: z.record(z.string(), z.unknown()).nullish(),
  }),
});

const SEVERITIES = {
  Sev0: "critical",
  Sev1: "high",
  Sev2: "medium",
  Sev3: "low",
  Sev4: "low",
} as const satisfies Record<string, Severity>;

/**
 * An alert of Azure Monitor. What it is about stands in the rule's custom properties (`rollPlaybook`, `registrationIds`,
 * `enrollmentGroupId`, `authority`, `thumbprint`), else in a dimension called `registrationId` or `deviceId`. Only one that
 * has fired counts: that it is over says nothing about the key.
 */
export function readMonitorAlert(json: unknown): ReadAlert {
  const parsed = CommonAlert.safeParse(json);
  if (!parsed.success) return unreadable(parsed.error);
  const { essentials: e, alertContext, customProperties } = parsed.data.data;
  // One alert fires and is resolved under one id; fired anew it has another moment.
  const id = clip(`${lastPart(e.alertId)}@${e.firedDateTime ?? ""}`, "id");
  const type = clip(e.alertRule ?? "alert rule", "type");
  const about = { source: "azure-monitor", id, type };
  if (e.monitorCondition !== "Fired") return { kind: "nothing", ...about, why: "it is over" };
  const dimensions = (alertContext?.condition?.allOf ?? []).flatMap(({ dimensions: all }) => all ?? []);
  return {
    kind: "finding",
    finding: {
      ...{ ...about, severity: SEVERITIES[e.severity], selected: true },
      reason: clip(e.description ?? type, "reason"),
      detectedAt: timeOf(e.firedDateTime),
      resources: [e.alertTargetIDs ?? []].flat(),
      scope: scopeOf(textsOf(customProperties ?? {}), dimensions),
    },
  };
}

function scopeOf(
  custom: ReadonlyMap<string, string>,
  dimensions: readonly { readonly name: string; readonly value: string }[],
): FindingScope {
  const groupId = custom.get("enrollmentgroupid");
  const thumbprint = custom.get("thumbprint");
  const authority = z.enum(["leaf", "intermediate", "root"]).safeParse(custom.get("authority"));
  const named = (custom.get("registrationids") ?? custom.get("registrationid") ?? "").split(/[,;\s]+/);
  const measured = dimensions.filter(({ name }) => /^(registrationid|deviceid)$/i.test(name)).map(({ value }) => value);
  const ids = [...new Set([...named, ...measured].map((id) => id.toLowerCase()))].filter(
    (id) => RegistrationIdText.safeParse(id).success,
  );
  const devices = ids.slice(0, 1_000).map((registrationId) => ({ registrationId }));
  if (groupId !== undefined && authority.success && authority.data !== "leaf") {
    const thumbprints = thumbprint === undefined ? {} : { thumbprints: [thumbprint] };
    return { kind: "group", groupId, authority: authority.data, ...thumbprints };
  }
  if (groupId !== undefined && devices.length > 0) return { kind: "group", groupId, authority: "leaf", devices };
  if (devices.length > 0) return { kind: "devices", devices };
  return thumbprint === undefined ? { kind: "none" } : { kind: "certificate", thumbprint };
}

function textsOf(bag: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(bag).flatMap(([key, value]) =>
      typeof value === "string" && value !== "" ? [[key.toLowerCase(), value] as const] : [],
    ),
  );
}

function lastPart(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}
