import { z } from "zod";
import { defaultSwitches, type DpsQuotaSwitches, type DpsSwitches } from "../dps/switches";
import { defaultEventHubsSwitches, type EventHubsSwitches } from "../event-hubs/switches";
import type { HubQuotaOptions } from "../iot-hub/quotas";
import { defaultHubSwitches, type HubSwitches } from "../iot-hub/switches";
import { UsageError } from "./usage";

/** Every switch of a lab, with the value it is to have. */
export interface LabSwitches {
  readonly dps: DpsSwitches;
  readonly hub: HubSwitches;
  readonly hubQuotas: HubQuotaOptions;
  readonly events: EventHubsSwitches;
}

const milliseconds = z.int().min(0);
const count = z.int().min(0);
const onOrOff = z.boolean();

const dpsQuotas = z.strictObject({
  enabled: onOrOff,
  timeScale: z.number().min(0.001),
  operationsPerMinute: z.int().min(1),
  registrationsPerMinute: z.int().min(1),
} satisfies Record<keyof DpsQuotaSwitches, z.ZodType>);

const dps = z.strictObject({
  assignDelayMs: milliseconds,
  retryAfterSeconds: z.number().min(0),
  ifMatchOnMissing: z.enum(["404", "412", "creates"]),
  throttledRetryAfter: onOrOff,
  expiredRefused: onOrOff,
  expiredIndividualRefused: onOrOff,
  infoMayMoveSlots: onOrOff,
  caReplacedLosesVerification: onOrOff,
  deleteReferencedCa: z.enum(["allowed", "refused"]),
  caPropagationMs: milliseconds,
  neverPolicyWritesThumbprint: onOrOff,
  bulkCost: z.enum(["per-item", "one"]),
  webhookX509: z.enum(["empty", "info"]),
  webhookTimeoutMs: milliseconds,
  groupWithUsedCa: z.enum(["conflict", "accepted"]),
  commonNameIgnoresCase: onOrOff,
  otherLeafOfIndividual: z.enum(["refused", "falls-through"]),
  attestationTypeChange: z.enum(["refused", "accepted"]),
  inFlightSurvivesChange: onOrOff,
  newEntryKeepsTwin: onOrOff,
  groupListsPinned: onOrOff,
  deleteIndividualRemovesRegistration: onOrOff,
  mqttInvalidCertificate: z.enum(["connack-5", "res-401"]),
  quotas: dpsQuotas,
} satisfies Record<keyof DpsSwitches, z.ZodType>);

const hub = z.strictObject({
  dropSessionOnDisable: onOrOff,
  dropDelayMs: milliseconds,
  keepSessionOnThumbprintChange: onOrOff,
  replacedThumbprintGraceMs: milliseconds,
  disabledOnAssign: z.enum(["leave", "enable", "refuse"]),
  disableBlocksModules: onOrOff,
  importDropsSessions: onOrOff,
  connackRefused: z.literal([1, 2, 3, 4, 5]),
  x509AuthMethodType: z.string().min(1),
  retryAfterOnThrottle: onOrOff,
  assignCountsAsRegistryWrite: onOrOff,
  dropSessionOnExpiry: onOrOff,
  queryLagMs: milliseconds,
  emptyQueryPages: onOrOff,
  connectionEventSnapshotMs: milliseconds,
} satisfies Record<keyof HubSwitches, z.ZodType>);

const hubQuotas = z.strictObject({
  enabled: onOrOff,
  tier: z.enum(["F1", "S1", "S2", "S3"]),
  units: z.int().min(1).max(200),
  timeScale: z.number().min(0.001),
} satisfies Record<keyof HubQuotaOptions, z.ZodType>);

const events = z.strictObject({
  duplicateEvery: count,
  reorderEvery: count,
  lateByMs: milliseconds,
  requireToken: onOrOff,
} satisfies Record<keyof EventHubsSwitches, z.ZodType>);

const quotaDefaults: HubQuotaOptions = { enabled: false, tier: "S1", units: 1, timeScale: 1 };

/** The groups as they are named on the command line: `dps.assignDelayMs`, `hub.quotas.tier`, `events.lateByMs`. */
const groups: readonly {
  readonly prefix: string;
  readonly shape: Readonly<Record<string, z.ZodType>>;
  readonly defaults: Readonly<Record<string, unknown>>;
}[] = [
  { prefix: "dps.", shape: dps.omit({ quotas: true }).shape, defaults: { ...defaultSwitches() } },
  { prefix: "dps.quotas.", shape: dpsQuotas.shape, defaults: { ...defaultSwitches().quotas } },
  { prefix: "hub.", shape: hub.shape, defaults: { ...defaultHubSwitches } },
  { prefix: "hub.quotas.", shape: hubQuotas.shape, defaults: { ...quotaDefaults } },
  { prefix: "events.", shape: events.shape, defaults: { ...defaultEventHubsSwitches } },
];

/** What one switch is called, what it may be and what it is when nobody says. */
export interface SwitchDescription {
  readonly name: string;
  readonly values: string;
  readonly otherwise: string;
  readonly schema: z.ZodType;
}

/** All switches of the lab, service by service. */
export function allSwitches(): SwitchDescription[] {
  return groups.flatMap(({ prefix, shape, defaults }) =>
    Object.entries(shape).map(([name, schema]) => ({
      name: prefix + name,
      values: valuesOf(schema),
      otherwise: String(defaults[name]),
      schema,
    })),
  );
}

/** The table of `npm run lab -- --switches`, a line per switch. */
export function switchTable(): string {
  const all = allSwitches();
  const width = Math.max(...all.map(({ name }) => name.length));
  const lines = all.map(({ name, values, otherwise }) => `  ${name.padEnd(width)}  ${values}; default ${otherwise}`);
  return lines.join("\n");
}

/**
 * Reads `name=value` texts; a later one wins. What none of them names has its default.
 * @throws UsageError for an unknown name, with all there are, and for a bad value, with those it may have.
 */
export function readSwitches(texts: readonly string[]): LabSwitches {
  const given = new Map<string, unknown>();
  for (const text of texts) {
    const at = text.indexOf("=");
    const [name, value] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
    const known = allSwitches().find((candidate) => candidate.name === name);
    if (known === undefined) throw new UsageError(`There is no switch '${name}'. There are:\n${switchTable()}`);
    if (value === undefined) throw new UsageError(`--switch ${name} needs a value: ${name}=${known.otherwise}`);
    given.set(name, valueOf(known, value));
  }
  const filled = (prefix: string): Record<string, unknown> => {
    const group = groups.find((candidate) => candidate.prefix === prefix);
    const names = Object.keys(group?.shape ?? {});
    return Object.fromEntries(names.map((name) => [name, given.get(prefix + name) ?? group?.defaults[name]]));
  };
  return {
    dps: dps.parse({ ...filled("dps."), quotas: filled("dps.quotas.") }),
    hub: hub.parse(filled("hub.")),
    hubQuotas: hubQuotas.parse(filled("hub.quotas.")),
    events: events.parse(filled("events.")),
  };
}

function valueOf({ name, values, schema }: SwitchDescription, text: string): unknown {
  // As it stands for words; as a number or boolean for the rest.
  for (const candidate of [text, text === "" ? text : Number(text), text === "true" ? true : text !== "false"]) {
    if (typeof candidate === "boolean" && text !== "true" && text !== "false") continue;
    const read = schema.safeParse(candidate);
    if (read.success) return read.data;
  }
  throw new UsageError(`The switch ${name} cannot be '${text}'. It may be: ${values}.`);
}

function valuesOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodBoolean) return "true | false";
  if (schema instanceof z.ZodEnum) return schema.options.join(" | ");
  if (schema instanceof z.ZodLiteral) return [...schema.values].join(" | ");
  if (schema instanceof z.ZodString) return "a text";
  if (schema instanceof z.ZodNumber) {
    const kind = schema.format === null ? "a number" : "a whole number";
    const most = schema.maxValue ?? Number.MAX_SAFE_INTEGER;
    return `${kind} from ${schema.minValue ?? 0}${most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : ""}`;
  }
  return "a value";
}
