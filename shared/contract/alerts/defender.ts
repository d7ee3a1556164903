import { z } from "zod";
import type { Severity } from "../../domain/alert/policy";
import { RegistrationIdText } from "../alert";
import { clip, unreadable, type FindingScope, type ReadAlert } from "./finding";

// Microsoft adds fields as it likes: unknown ones are let pass, known ones must fit.

const Text = z.string().max(20_000);
const Bag = z.record(z.string(), z.unknown());
/** Objects, or the same as JSON in a string (Log Analytics). */
const Json = z.union([Text, z.array(z.unknown()).max(1_000), Bag]);

/** Continuous export of Defender for Cloud, Defender for IoT among them: the shape of the alerts REST API. */
const ExportedAlert = z.looseObject({
  id: Text.optional(),
  name: Text.min(1),
  type: Text.optional(),
  properties: z.looseObject({
    status: Text.optional(),
    severity: Text,
    alertType: Text.min(1),
    alertDisplayName: Text.optional(),
    description: Text.optional(),
    startTimeUtc: Text.optional(),
    timeGeneratedUtc: Text.optional(),
    systemAlertId: Text.optional(),
    compromisedEntity: Text.optional(),
    resourceIdentifiers: z.array(Bag).max(100).optional(),
    entities: Json.optional(),
    extendedProperties: Json.optional(),
  }),
});

/** A row of `SecurityAlert`, as workflow automation of Defender for Cloud and Sentinel playbooks send it. */
const SecurityAlert = z.looseObject({
  SystemAlertId: Text.min(1),
  AlertType: Text.min(1),
  AlertName: Text.optional(),
  AlertDisplayName: Text.optional(),
  AlertSeverity: Text.optional(),
  Severity: Text.optional(),
  Status: Text.optional(),
  ProviderName: Text.optional(),
  ProductName: Text.optional(),
  TimeGenerated: Text.optional(),
  StartTime: Text.optional(),
  StartTimeUtc: Text.optional(),
  CompromisedEntity: Text.optional(),
  ResourceId: Text.optional(),
  AzureResourceId: Text.optional(),
  Entities: Json.optional(),
  ExtendedProperties: Json.optional(),
});

/** An incident of Sentinel, as an automation rule hands it to a playbook. */
const Incident = z.looseObject({
  object: z.looseObject({
    id: Text.optional(),
    name: Text.min(1),
    properties: z.looseObject({
      title: Text.optional(),
      severity: Text,
      status: Text.optional(),
      createdTimeUtc: Text.optional(),
      relatedEntities: z.array(Bag).max(1_000).optional(),
    }),
  }),
});

/**
 * One alert of Microsoft Defender or Sentinel, whichever of the three shapes it has. `selected`: an automation was made to
 * send it here; false for a stream of everything.
 */
export function readDefenderAlert(json: unknown, source: "defender" | "sentinel", selected: boolean): ReadAlert {
  if (isObject(json) && "object" in json) return readIncident(json, source);
  if (isObject(json) && "properties" in json) return readExported(json, source, selected);
  return readSecurityAlert(json, source, selected);
}

function readExported(json: unknown, source: string, selected: boolean): ReadAlert {
  const parsed = ExportedAlert.safeParse(json);
  if (!parsed.success) return unreadable(parsed.error);
  const { id: resourceId, name, properties: p } = parsed.data;
  const id = clip(p.systemAlertId ?? name, "id");
  if (isOver(p.status)) return { kind: "nothing", source, id, type: clip(p.alertType, "type"), why: "it is over" };
  return {
    kind: "finding",
    finding: {
      ...{ source, id, type: clip(p.alertType, "type"), severity: severityOf(p.severity), selected },
      reason: clip(p.alertDisplayName ?? p.description ?? p.alertType, "reason"),
      detectedAt: timeOf(p.startTimeUtc ?? p.timeGeneratedUtc),
      resources: [
        ...(p.resourceIdentifiers ?? []).flatMap((one) => texts(one, "azureResourceId")),
        ...(resourceId === undefined || p.resourceIdentifiers !== undefined ? [] : [resourceId]),
        ...hubsIn(entitiesOf(p.entities)),
      ],
      scope: scopeOf(entitiesOf(p.entities), bagOf(p.extendedProperties)),
    },
  };
}

function readSecurityAlert(json: unknown, source: string, selected: boolean): ReadAlert {
  const parsed = SecurityAlert.safeParse(json);
  if (!parsed.success) return unreadable(parsed.error);
  const { data } = parsed;
  const id = clip(data.SystemAlertId, "id");
  const type = clip(data.AlertType, "type");
  if (isOver(data.Status)) return { kind: "nothing", source, id, type, why: "it is over" };
  const entities = entitiesOf(data.Entities);
  return {
    kind: "finding",
    finding: {
      ...{ source, id, type, severity: severityOf(data.AlertSeverity ?? data.Severity ?? ""), selected },
      reason: clip(data.AlertDisplayName ?? data.AlertName ?? data.AlertType, "reason"),
      detectedAt: timeOf(data.StartTime ?? data.StartTimeUtc ?? data.TimeGenerated),
      resources: [data.AzureResourceId ?? data.ResourceId ?? [], hubsIn(entities)].flat(),
      scope: scopeOf(entities, bagOf(data.ExtendedProperties)),
    },
  };
}

function readIncident(json: unknown, source: string): ReadAlert {
  const parsed = Incident.safeParse(json);
  if (!parsed.success) return unreadable(parsed.error);
  const { name, properties: p } = parsed.data.object;
  const id = clip(name, "id");
  if (isOver(p.status)) return { kind: "nothing", source, id, type: "incident", why: "it is closed" };
  const entities = (p.relatedEntities ?? []).map((one) => ({
    ...(isObject(one["properties"]) ? one["properties"] : {}),
    type: one["kind"],
  }));
  return {
    kind: "finding",
    finding: {
      ...{ source, id, type: "incident", severity: severityOf(p.severity), selected: true },
      reason: clip(p.title ?? "incident", "reason"),
      detectedAt: timeOf(p.createdTimeUtc),
      resources: hubsIn(entities),
      scope: scopeOf(entities, {}),
    },
  };
}

/** What the alert is about: devices before a certificate, because it is devices that are cut off. */
function scopeOf(entities: readonly Readonly<Record<string, unknown>>[], extended: Bagged): FindingScope {
  const named = entities
    .filter((entity) => texts(entity, "type").some((type) => /^iot ?device$/i.test(type)))
    .flatMap((entity) => texts(entity, "deviceId"));
  const ids = [...named, ...texts(extended, "deviceId"), ...texts(extended, "registrationId")];
  const devices = [...new Map(ids.map((id) => [id.toLowerCase(), id])).values()].filter(isRegistrationId);
  if (devices.length > 0)
    return { kind: "devices", devices: devices.slice(0, 1_000).map((registrationId) => ({ registrationId })) };
  const [thumbprint] = [...texts(extended, "thumbprint"), ...texts(extended, "certificateThumbprint")];
  return thumbprint !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(thumbprint)
    ? { kind: "certificate", thumbprint: thumbprint.toUpperCase() }
    : { kind: "none" };
}

type Bagged = Readonly<Record<string, unknown>>;

/** Text fields of this name, letter case apart: sources do not agree on it. */
function texts(bag: Bagged, name: string): string[] {
  return Object.entries(bag).flatMap(([key, value]) =>
    key.toLowerCase() === name.toLowerCase() && typeof value === "string" && value !== "" ? [value] : [],
  );
}

/** Hubs that the entities name: `Microsoft.Devices` resources, or an entity's host. */
function hubsIn(entities: readonly Bagged[]): string[] {
  return entities.flatMap((entity) => [...texts(entity, "resourceId"), ...texts(entity, "iotHub")]);
}

function entitiesOf(given: unknown): Bagged[] {
  const value = typeof given === "string" ? readJson(given) : given;
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function bagOf(given: unknown): Bagged {
  const value = typeof given === "string" ? readJson(given) : given;
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Bagged {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRegistrationId(text: string): boolean {
  return RegistrationIdText.safeParse(text).success;
}

/** What is unknown is medium: bad enough to be looked at, not to close a CA. */
export function severityOf(word: string): Severity {
  const known: Readonly<Record<string, Severity>> = {
    critical: "critical",
    high: "high",
    medium: "medium",
    low: "low",
    informational: "low",
    information: "low",
  };
  return known[word.toLowerCase()] ?? "medium";
}

function isOver(status: string | undefined): boolean {
  return /^(resolved|dismissed|closed)$/i.test(status ?? "");
}

/** ISO 8601 where it is a moment at all. */
export function timeOf(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? text : undefined;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
