import { z } from "zod";
import type { Role } from "../domain/operator";
import { Policies } from "../domain/policy/policies";
import { BreachAlert } from "./alert";
import type { ApiRoute } from "./api-route";
import { CatchUpOrder, CatchUpView } from "./catch-up";
import { DenyEntryView, LiftBody } from "./deny-entries";
import * as intake from "./intake-api";
import * as inventory from "./inventory-api";
import * as views from "./operator-api";
import * as queries from "./operator-queries";
import { PlanView } from "./plan-view";
import { PurgeBody, PurgeView } from "./purge";
import { REGISTRY_ROUTES } from "./registry-routes";
import { RollCommandBody, RollOrder } from "./roll-order";

const Started = z.object({
  rollId: z.string(),
  statusUrl: z.string(),
  duplicate: z.boolean(),
  /** A roll that was under way already covers it. */
  merged: z.literal(true).optional(),
  /** Ids that DPS does not know. */
  unknown: z.array(z.string()).optional(),
});
const Recorded = z.object({ started: z.literal(false), why: z.unknown() });
const PolicyView = z.object({
  etag: z.string(),
  version: z.int(),
  policies: Policies,
  setBy: z.string().optional(),
  setAt: z.string().optional(),
});
const Commanded = z.object({
  rollId: z.string(),
  desired: z.enum(["running", "paused", "aborted"]),
  changed: z.boolean(),
  statusUrl: z.string(),
});
const Proven = z.object({
  rollId: z.string(),
  authorityName: z.string(),
  isVerified: z.literal(true),
  statusUrl: z.string(),
});
const Refreshed = z.object({ inventoryId: z.string(), outcome: z.string(), statusUrl: z.string() });
const AnyObject = z.record(z.string(), z.unknown());
const Page = z.strictObject({ limit: z.string().optional(), after: z.string().optional() });

const command = (verb: string, who: Role, summary: string): ApiRoute => ({
  method: "POST",
  path: `rolls/{rollId}/${verb}`,
  summary,
  who,
  body: RollCommandBody,
  answers: { 200: Commanded },
});

const read = (path: string, summary: string, answer: z.ZodType, query?: z.ZodType): ApiRoute => ({
  method: "GET",
  path,
  summary,
  who: "reader",
  ...(query === undefined ? {} : { query }),
  answers: { 200: answer },
});

const shape = (name: string, summary: string): ApiRoute => ({
  method: "POST",
  path: `alerts/${name}`,
  summary,
  who: "service",
  body: z.unknown(),
  answers: { 200: intake.DeliveryView },
});

/** Every endpoint of the app, by its function's name. */
export const API_ROUTES = {
  alertsWebhook: {
    method: "POST",
    path: "alerts/webhook",
    summary: "A signed breach alert starts a roll, once",
    who: "signed",
    body: BreachAlert,
    answers: { 200: z.union([Started, Recorded]), 202: Started },
  },
  alertsEventgrid: shape("eventgrid", "Event Grid events that tell of a breach"),
  alertsCloudevents: shape("cloudevents", "CloudEvents 1.0 that tell of a breach; OPTIONS is the handshake"),
  alertsMonitor: shape("monitor", "Azure Monitor's common alert schema"),
  alertsDefender: shape("defender", "Alerts of Defender for Cloud and for IoT"),
  alertsSentinel: shape("sentinel", "Incidents of Microsoft Sentinel"),
  listAlerts: read("alerts", "What came in, and what became of it", intake.AlertList, Page),
  getPolicies: read("policies", "What starts rolls by itself", PolicyView),
  listPolicyVersions: read(
    "policies/history",
    "Policies before, newest first",
    z.object({ versions: z.array(PolicyView) }),
  ),
  setPolicies: {
    method: "PUT",
    path: "policies",
    summary: "Sets all policies at once, guarded by If-Match",
    who: "operator",
    body: Policies,
    answers: { 200: PolicyView },
  },
  createRoll: {
    method: "POST",
    path: "rolls",
    summary: "An operator's order starts a roll, once per Idempotency-Key",
    who: "operator",
    body: RollOrder,
    answers: { 200: Started, 202: Started },
  },
  purgeRollsNow: {
    method: "POST",
    path: "rolls/purge",
    summary: "What rolls that ended before a moment have left behind goes",
    who: "approver",
    body: PurgeBody,
    answers: { 200: PurgeView, 202: PurgeView },
  },
  listRolls: read("rolls", "Rolls, newest first", views.RollList, queries.RollsQuery),
  getRoll: {
    ...read("rolls/{rollId}", "One roll; If-None-Match is understood", views.RollView),
    answers: { 200: views.RollView, 304: "empty" },
  },
  getPlan: read("rolls/{rollId}/plan", "What a roll will do, and the hash that an approval signs", PlanView),
  listRollDevices: read(
    "rolls/{rollId}/devices",
    "Devices of a roll, a page per batch",
    views.RollDeviceList,
    queries.RollDevicesQuery,
  ),
  listStragglers: {
    ...read("rolls/{rollId}/stragglers.csv", "Devices that still need something; Link names the next page", z.string()),
    query: queries.StragglersQuery,
    answers: { 200: "text/csv" },
  },
  listKnocking: read(
    "rolls/{rollId}/knocking",
    "Contained devices in whose name somebody is still refused, by the hubs' connection logs",
    views.KnockingList,
    queries.StragglersQuery,
  ),
  readJournal: read(
    "rolls/{rollId}/journal",
    "What was said, written and done, oldest first",
    views.RollJournalView,
    queries.JournalQuery,
  ),
  getEvidence: read(
    "rolls/{rollId}/evidence",
    "The report of a finished roll, or one part of its text",
    AnyObject,
    queries.EvidenceQuery,
  ),
  approveRoll: command("approve", "approver", "A named person approves a plan or a wave"),
  pauseRoll: command("pause", "operator", "Dispatch stops; containment goes on"),
  resumeRoll: command("resume", "operator", "Dispatch goes on"),
  abortRoll: command("abort", "operator", "Dispatch ends for ever; all trust stays"),
  retryRoll: command("retry", "operator", "Devices that stand aside are tried again"),
  submitPossession: {
    method: "POST",
    path: "rolls/{rollId}/possession",
    summary: "Shows DPS that somebody holds the new CA's key",
    who: "operator",
    body: z.strictObject({ certificatePem: z.string() }),
    answers: { 200: Proven },
  },
  directDevice: {
    method: "POST",
    path: "rolls/{rollId}/devices/{registrationId}/{verb}",
    summary: "A named person retries one device, an approver accepts or skips it",
    who: "operator",
    body: queries.DeviceCommandBody,
    answers: { 200: views.DeviceCommandView },
  },
  readDevice: read("devices/{registrationId}", "A device in the open roll that has it", views.DeviceView),
  readDue: read("due", "What will happen by itself, and when", views.DueList, Page),
  listDenyEntries: read(
    "deny-entries",
    "Entries that keep compromised credentials out",
    z.object({ entries: z.array(DenyEntryView), next: z.string().optional() }),
    z.strictObject({ after: z.string().optional() }),
  ),
  liftDenyEntry: {
    method: "POST",
    path: "deny-entries/{kind}/{target}/lift",
    summary: "Takes a deny entry away",
    who: "operator",
    body: LiftBody,
    answers: { 200: DenyEntryView },
  },
  refreshInventoryNow: {
    method: "POST",
    path: "inventory/refresh",
    summary: "Takes an inventory now",
    who: "operator",
    answers: { 200: Refreshed, 202: Refreshed },
  },
  listInventories: read("inventory", "Inventories, newest first", inventory.InventoryList),
  listExpiring: read("inventory/expiring", "What runs out", inventory.ExpiringView, inventory.ExpiringQuery),
  listLints: read("inventory/lints", "What is odd", inventory.LintsView, inventory.LintsQuery),
  getInventory: read("inventory/{inventoryId}", "One inventory", inventory.InventoryView),
  blastRadius: read("blast-radius", "What a leaked key opens", inventory.BlastRadiusView, inventory.BlastRadiusQuery),
  runExpiryNow: {
    method: "POST",
    path: "expiry/run",
    summary: "Looks now at what runs out, as the timer does",
    who: "operator",
    answers: { 200: intake.ExpiryRunView },
  },
  listProposals: read("proposals", "Rolls that policies propose", intake.ProposalList, Page),
  startProposal: {
    method: "POST",
    path: "proposals/{key}/start",
    summary: "Places the order that a proposal stands for, once",
    who: "operator",
    body: queries.StartProposalBody,
    answers: { 200: Started, 202: Started },
  },
  listRescue: read("rescue", "Devices whose leaf has run out, with the way back", intake.RescueList, Page),
  listLateDevices: read(
    "devices/late",
    "Devices that were heard once, and not since",
    intake.LateList,
    intake.LateQuery,
  ),
  listHeartbeatSources: read("heartbeats/sources", "What came from each event hub partition", intake.SourceList),
  catchUpHeartbeats: {
    method: "POST",
    path: "heartbeats/catch-up",
    summary: "Reads the event stream again from a moment on; what is known already counts as a duplicate",
    who: "operator",
    body: CatchUpOrder,
    answers: { 200: CatchUpView, 202: CatchUpView },
  },
  ...REGISTRY_ROUTES,
  health: {
    method: "GET",
    path: "health",
    summary: "The app runs",
    who: "anyone",
    answers: { 200: z.object({ status: z.literal("ok") }) },
  },
  ready: {
    ...read(
      "ready",
      "Storage, DPS, its CA certificates and every hub answer; 503 with the same body if not",
      views.Readiness,
    ),
    answers: { 200: views.Readiness, 503: views.Readiness },
  },
  openApi: { ...read("openapi.json", "This document", AnyObject), who: "anyone" },
} as const satisfies Readonly<Record<string, ApiRoute>>;

/** Functions of the identity registry. */
export type RegistryRouteName = keyof typeof REGISTRY_ROUTES;

export type ApiRouteName = keyof typeof API_ROUTES;
