import { readFileSync } from "node:fs";
import { z } from "zod";
import { DEFAULT_POLICY, type CertificatePolicy } from "../domain/certificate/policy";
import type { HubHostName } from "../domain/ids";
import type { ApprovalRule } from "../domain/plan/make-plan";
import type { Retention } from "../domain/roll/retention";
import {
  ISSUER_FORM,
  issuerWithFiles,
  POLICY_FORM,
  readContainerName,
  readIssuer,
  readPolicy,
  readSigners,
  SIGNERS_FORM,
  withFiles,
  type ReadNamedFile,
  type AuthoritySettings,
  type IssuerSettings,
} from "./certificate-variables";
import { EVIDENCE_KEY_FORM, evidenceWithFiles, readEvidenceKey, type EvidenceSettings } from "./evidence-variables";
import { NOTIFY_FORM, readNoticeTargets, type NoticeTarget } from "./notice-variables";
import { quotasOf, quotaVariables, unlinkedHub, type Quotas } from "./quota-variables";
import { catchUpStream, streamVariables, type StreamAccess } from "./stream-variables";
import { timingOf, timingVariables, type Timing } from "./timing-variables";
import {
  readConnectionString,
  readConnectionStrings,
  readDpsResourceId,
  readHostName,
  readBoolean,
  readIdentityHosts,
  readOperators,
  readPins,
  readSchedule,
  readSecrets,
  variable,
  wholeNumber,
  type DpsResourceId,
  type OperatorAccess,
  type Pins,
  type ServiceAccess,
} from "./variables";

/** Everything the app is told from outside, checked. */
export interface Settings {
  readonly storage:
    | { readonly kind: "connection-string"; readonly connectionString: string }
    | { readonly kind: "identity"; readonly account: string };
  readonly dps: ServiceAccess;
  readonly dpsResourceId: DpsResourceId;
  /** At least one, each host name once. */
  readonly hubs: readonly ServiceAccess[];
  /** One; or two while one is being exchanged for the other, and both verify. */
  readonly webhookSecrets: readonly string[];
  readonly loopback: Loopback | undefined;
  /** Undefined: nobody signs in, the host's function keys decide, and nobody can approve. */
  readonly operators: OperatorAccess | undefined;
  /** Who asked for a roll may not approve it. */
  readonly twoPersons: boolean;
  /** Devices that all alerts together may cut off per hour without a named person. */
  readonly autoContainPerHour: number;
  /** Triggers beside HTTP by which alerts come: an event hub that Defender for Cloud exports to, Event Grid. */
  readonly alertSources: { readonly exported: boolean; readonly grid: boolean };
  /** Whether the hubs' connection logs come over an event hub of their own. */
  readonly connectionLogs: boolean;
  /** The stream that the heartbeats' trigger reads, by a consumer group beside the trigger's; undefined: no catch-up. */
  readonly catchUp: StreamAccess | undefined;
  /** Which plans need a person's word beyond those whose order asks for it. */
  readonly approvals: ApprovalRule;
  /** When an inventory is taken, as Azure Functions' timers have it: six cron fields, seconds first, UTC. */
  readonly inventorySchedule: string;
  /** When certificates that run out are looked for: six cron fields, seconds first. */
  readonly expirySchedule: string;
  readonly retention: Retention;
  readonly timing: Timing;
  readonly certificatePolicy: CertificatePolicy;
  /** A fleet that single registry writes would take longer than this to cut off is cut off by import jobs. */
  readonly importWhenSlowerThanSeconds: number;
  /** Whether DPS refuses a group's leaf whose device has an enabled individual enrollment with another one. */
  readonly pinBlocksOldLeaf: "verified" | "unverified";
  /** Undefined: devices' certificate requests are refused. */
  readonly issuer: IssuerSettings | undefined;
  /** CAs whose keys the app may use to prove possession to DPS. */
  readonly authoritySigners: readonly AuthoritySettings[];
  /** The blob container that others fill with replacements. */
  readonly replacementsContainer: string;
  /** Who is told of rolls without asking. */
  readonly notify: readonly NoticeTarget[];
  /** Undefined: reports are not signed. */
  readonly evidence: EvidenceSettings | undefined;
  readonly quotas: Quotas;
}

/** Host names that this machine serves itself (a lab), and the authority that vouches for them. */
export interface Loopback extends Pick<Pins, "ports" | "tokens"> {
  readonly caPem: string;
}

/** Thrown at start-up. The message lists every problem, one per line, with what to do and without any value. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`These settings need attention:\n${problems.map((problem) => `- ${problem}`).join("\n")}`);
    this.name = "SettingsError";
  }
}

const environment = z
  .object({
    ROLLCALL_STORAGE: z.string().optional(),
    ROLLCALL_STORAGE_ACCOUNT: variable(
      "give the storage account's name alone, 3 to 24 lower-case letters and digits",
      (text) => (/^[a-z0-9]{3,24}$/.test(text) ? text : undefined),
    ).optional(),
    ROLLCALL_DPS_CONNECTION: variable(
      "give the connection string of a shared access policy, HostName=…;SharedAccessKeyName=…;SharedAccessKey=…",
      readConnectionString,
    ).optional(),
    ROLLCALL_DPS_HOST: variable(
      "give the service host name alone, such as contoso.azure-devices-provisioning.net",
      readHostName,
    ).optional(),
    ROLLCALL_DPS_RESOURCE_ID: variable(
      "give the resource id, /subscriptions/…/resourceGroups/…/providers/Microsoft.Devices/provisioningServices/…",
      readDpsResourceId,
    ).optional(),
    ROLLCALL_HUB_CONNECTIONS: variable(
      "give a JSON array of connection strings, HostName=…;SharedAccessKeyName=…;SharedAccessKey=…, each hub once",
      readConnectionStrings,
    ).optional(),
    ROLLCALL_HUBS: variable("list the hubs' host names, separated by commas, each once", readIdentityHosts).optional(),
    ROLLCALL_WEBHOOK_SECRETS: variable(
      "give one secret of at least 16 characters, or two separated by a comma while you exchange them",
      readSecrets,
    ).optional(),
    ROLLCALL_LOOPBACK: variable(
      'leave it out, or give {"caFile": "/path/of/ca.pem", "ports": {"<host name>": <port>}}',
      readPins,
    ).optional(),
    ROLLCALL_CERTIFICATE_POLICY: variable(POLICY_FORM, readPolicy).default(DEFAULT_POLICY),
    ROLLCALL_OPERATORS: variable(
      'leave it out, or give {"issuer": "https://login.microsoftonline.com/<tenant>/v2.0", "audience": "api://…", "jwksUrl": "https://…/discovery/v2.0/keys", "easyAuth": false}',
      readOperators,
    ).optional(),
    ROLLCALL_TWO_PERSONS: variable("give true or false", readBoolean).default(true),
    ROLLCALL_IMPORT_WHEN_SLOWER_THAN_SECONDS: wholeNumber({ fallback: 120, min: 0, max: 86_400 }),
    ROLLCALL_PIN_BLOCKS_OLD_LEAF: variable(
      "give verified once it was tried at this DPS that an enabled individual enrollment keeps the device's other leaves out, else unverified",
      (text) => (text === "verified" || text === "unverified" ? text : undefined),
    ).default("unverified"),
    ...streamVariables,
    ROLLCALL_GRID_ALERTS: variable("give true or false", readBoolean).default(false),
    ROLLCALL_AUTO_CONTAIN_PER_HOUR: wholeNumber({ fallback: 100, min: 0, max: 100_000 }),
    ROLLCALL_APPROVALS: variable(
      "give authorities (expiry rolls of CAs need an approval) or as-ordered, or leave it out for authorities",
      (text) => (text === "authorities" || text === "as-ordered" ? text : undefined),
    ).default("authorities"),
    ROLLCALL_ISSUER: variable(ISSUER_FORM, readIssuer).optional(),
    ROLLCALL_CA_SIGNERS: variable(SIGNERS_FORM, readSigners).default([]),
    ROLLCALL_NOTIFY: variable(NOTIFY_FORM, readNoticeTargets).default([]),
    ROLLCALL_EVIDENCE_KEY: variable(EVIDENCE_KEY_FORM, readEvidenceKey).optional(),
    ROLLCALL_REPLACEMENTS_CONTAINER: variable(
      "give a container's name: 3 to 63 lower-case letters, digits and single hyphens, or leave it out for replacements",
      readContainerName,
    ).default("replacements"),
    ROLLCALL_EXPIRY_SCHEDULE: variable(
      "give six cron fields, seconds first, or leave it out for 0 29 * * * * (hourly)",
      readSchedule,
    ).default("0 29 * * * *"),
    ROLLCALL_INVENTORY_SCHEDULE: variable(
      "give six cron fields, seconds first, or leave it out for 0 17 3 * * * (daily)",
      readSchedule,
    ).default("0 17 3 * * *"),
    // Days after a roll's end; 0 keeps it for ever.
    ROLLCALL_RETENTION_DAYS: wholeNumber({ fallback: 400, min: 0, max: 36_500 }),
    ROLLCALL_REPORT_RETENTION_DAYS: wholeNumber({ fallback: 0, min: 0, max: 36_500 }),
    ...timingVariables,
    ...quotaVariables,
  })
  .refine(...oneOf("ROLLCALL_STORAGE", "the connection string", "ROLLCALL_STORAGE_ACCOUNT"))
  .refine(...oneOf("ROLLCALL_DPS_CONNECTION", "the connection string", "ROLLCALL_DPS_HOST"))
  .refine(...oneOf("ROLLCALL_HUB_CONNECTIONS", "the connection strings", "ROLLCALL_HUBS"))
  .refine(...required("ROLLCALL_DPS_RESOURCE_ID", "the DPS instance's resource id: its CA certificates are read there"))
  .refine(...required("ROLLCALL_WEBHOOK_SECRETS", "the secret that alerts are signed with, at least 16 characters"));

/**
 * Reads all settings at once. Throws `SettingsError`, which names every variable at fault. A blank variable counts as not
 * set. `readFile` reads the files in PEM form that variables name.
 */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string = (path) => readFileSync(path, "utf8"),
): Settings {
  const given = Object.entries(env).filter(([, text]) => text !== undefined && text.trim() !== "");
  const { data, error } = environment.safeParse(Object.fromEntries(given));
  if (error !== undefined) {
    throw new SettingsError(error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`).sort());
  }
  const dps = data.ROLLCALL_DPS_CONNECTION ?? identity(data.ROLLCALL_DPS_HOST);
  const hubs = data.ROLLCALL_HUB_CONNECTIONS ?? data.ROLLCALL_HUBS;
  const { ROLLCALL_DPS_RESOURCE_ID: dpsResourceId, ROLLCALL_WEBHOOK_SECRETS: webhookSecrets } = data;
  const storage = storageOf(data.ROLLCALL_STORAGE, data.ROLLCALL_STORAGE_ACCOUNT);
  // The refinements above have seen to it; the compiler has not.
  if (!dps || !hubs || !dpsResourceId || !webhookSecrets || !storage) throw new SettingsError(["incomplete"]);
  const unlinked = unlinkedHub(data, hubs);
  if (unlinked !== undefined)
    throw new SettingsError([`ROLLCALL_HUB_SKUS: ${unlinked} is none of the linked hubs; name only those`]);
  return {
    storage,
    dps,
    dpsResourceId,
    hubs,
    webhookSecrets,
    loopback: data.ROLLCALL_LOOPBACK === undefined ? undefined : loopback(data.ROLLCALL_LOOPBACK, readFile),
    operators: data.ROLLCALL_OPERATORS,
    twoPersons: data.ROLLCALL_TWO_PERSONS,
    autoContainPerHour: data.ROLLCALL_AUTO_CONTAIN_PER_HOUR,
    alertSources: { exported: data.ROLLCALL_ALERTS_HUB !== undefined, grid: data.ROLLCALL_GRID_ALERTS },
    connectionLogs: data.ROLLCALL_CONNECTION_LOGS_HUB !== undefined,
    catchUp: catchUpStream(data),
    approvals: data.ROLLCALL_APPROVALS,
    expirySchedule: data.ROLLCALL_EXPIRY_SCHEDULE,
    inventorySchedule: data.ROLLCALL_INVENTORY_SCHEDULE,
    retention: { detailDays: data.ROLLCALL_RETENTION_DAYS, reportDays: data.ROLLCALL_REPORT_RETENTION_DAYS },
    timing: timingOf(data),
    quotas: quotasOf(data, hubs),
    certificatePolicy: data.ROLLCALL_CERTIFICATE_POLICY,
    importWhenSlowerThanSeconds: data.ROLLCALL_IMPORT_WHEN_SLOWER_THAN_SECONDS,
    pinBlocksOldLeaf: data.ROLLCALL_PIN_BLOCKS_OLD_LEAF,
    issuer: data.ROLLCALL_ISSUER && issuerWithFiles(data.ROLLCALL_ISSUER, reading("ROLLCALL_ISSUER", readFile)),
    authoritySigners: data.ROLLCALL_CA_SIGNERS.map((signer) =>
      withFiles(signer, reading("ROLLCALL_CA_SIGNERS", readFile)),
    ),
    notify: data.ROLLCALL_NOTIFY,
    evidence:
      data.ROLLCALL_EVIDENCE_KEY &&
      evidenceWithFiles(data.ROLLCALL_EVIDENCE_KEY, reading("ROLLCALL_EVIDENCE_KEY", readFile)),
    replacementsContainer: data.ROLLCALL_REPLACEMENTS_CONTAINER,
  };
}

type Present = Readonly<Record<string, unknown>>;
type Rule = [(values: Present) => boolean, { path: string[]; error: string; when: () => true }];

/** A rule that is also asked when other variables are at fault, so that one start shows all there is to mend. */
function rule(name: string, error: string, holds: (values: Present) => boolean): Rule {
  return [holds, { path: [name], error, when: () => true }];
}

function required(name: string, what: string): Rule {
  return rule(name, `set it to ${what}`, (values) => values[name] !== undefined);
}

/** A secret, or the app's own identity: exactly one of the two. */
function oneOf(name: string, what: string, orIdentity: string): Rule {
  return rule(
    name,
    `set either this, to ${what}, or ${orIdentity}, to use the app's identity; not both, not neither`,
    (values) => (values[name] === undefined) !== (values[orIdentity] === undefined),
  );
}

function identity(host: HubHostName | undefined): ServiceAccess | undefined {
  return host === undefined ? undefined : { kind: "identity", host };
}

function storageOf(connectionString: string | undefined, account: string | undefined): Settings["storage"] | undefined {
  if (connectionString !== undefined) return { kind: "connection-string", connectionString };
  return account === undefined ? undefined : { kind: "identity", account };
}

function loopback({ caFile, ports, tokens }: Pins, readFile: (path: string) => string): Loopback {
  return { caPem: reading("ROLLCALL_LOOPBACK", readFile)("caFile", caFile), ports, tokens };
}

/** Reads files that a variable names; a file that cannot be read is the variable's problem. */
function reading(name: string, readFile: (path: string) => string): ReadNamedFile {
  return (field, path) => {
    try {
      return readFile(path);
    } catch {
      throw new SettingsError([`${name}: its ${field} cannot be read; give the path of a file in PEM form`]);
    }
  };
}
