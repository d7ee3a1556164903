/**
 * The composition root: reads the settings once, builds the adapters, hands them to steps and use-cases, and names all of
 * it to the Functions host. package.json "main" points here.
 */
import { connectAzure } from "../shared/adapters/azure/connect";
import { appIdentity } from "../shared/adapters/azure/credentials";
import { EventHubStream } from "../shared/adapters/azure/event-stream";
import { cronCalendar } from "../shared/adapters/calendar/cron-calendar";
import { connectEvidenceKey } from "../shared/adapters/evidence/evidence-key";
import { nodeHashes } from "../shared/adapters/evidence/node-hashes";
import { EntraOperators } from "../shared/adapters/entra/entra-operators";
import { HmacAlertSignatures } from "../shared/adapters/hmac/alert-signatures";
import { connectIssuers } from "../shared/adapters/issuers/connect";
import { TableAlertLog } from "../shared/adapters/store/alert-log-store";
import { TableAutoContainBudget } from "../shared/adapters/store/auto-contain-store";
import { TableBatchStore } from "../shared/adapters/store/batch-store";
import { TableClaimStore } from "../shared/adapters/store/claim-store";
import { TableControlStore } from "../shared/adapters/store/control-store";
import { TableDeviceDataStore } from "../shared/adapters/store/device-data-store";
import { TableDueRows } from "../shared/adapters/store/due-store";
import { TableDenyLedger } from "../shared/adapters/store/deny-store";
import { BlobEvidenceStore } from "../shared/adapters/store/evidence-store";
import { TableFactStore } from "../shared/adapters/store/fact-store";
import { BlobImportExport } from "../shared/adapters/store/import-export-blobs";
import { BlobInventoryStore } from "../shared/adapters/store/inventory-store";
import { TableRollJournal } from "../shared/adapters/store/journal-store";
import { TableLedger } from "../shared/adapters/store/ledger-store";
import { TablePolicyStore } from "../shared/adapters/store/policy-store";
import { TableProposalStore } from "../shared/adapters/store/proposal-store";
import { httpNoticeSender } from "../shared/adapters/notices/http-sender";
import { TableOutbox } from "../shared/adapters/store/outbox-store";
import { TablePoisonStore } from "../shared/adapters/store/poison-store";
import { TableIssuanceStore } from "../shared/adapters/store/issuance-store";
import { BlobReplacementSource } from "../shared/adapters/store/replacement-source";
import { StoredRollArchive } from "../shared/adapters/store/roll-archive";
import { BlobRollBlobs } from "../shared/adapters/store/roll-blobs";
import { TableTargetClaims } from "../shared/adapters/store/target-claim-store";
import { TableSourceCounters } from "../shared/adapters/store/source-counters";
import { TableRollStore } from "../shared/adapters/store/roll-store";
import { openStore, type StoreAddress } from "../shared/adapters/store/tables";
import { createDecoys } from "../shared/adapters/x509/decoy-certificates";
import { nodeCertificateReader } from "../shared/adapters/x509/node-certificate-reader";
import { nodeEntropy } from "../shared/adapters/x509/node-entropy";
import { systemClock, systemWaiter } from "../shared/adapters/x509/system-clock";
import { readSettings, type Settings } from "../shared/config/settings";
import { DEFAULT_PROFILE } from "../shared/domain/certificate/profile";
import { hubNameOf } from "../shared/domain/hub/hub-word";
import type { HubHostName } from "../shared/domain/ids";
import { ratesOf } from "../shared/domain/pacing/rates";
import { createAcceptAlert } from "../shared/use-cases/accept-alert";
import { createAcceptDelivery } from "../shared/use-cases/alerts/accept-delivery";
import { createReadAlerts } from "../shared/use-cases/alerts/read-alerts";
import { createAcceptOrder } from "../shared/use-cases/accept-order";
import { createCommandRoll } from "../shared/use-cases/command-roll";
import { createDenyEntries } from "../shared/use-cases/deny-entries";
import { createCheckReadiness } from "../shared/use-cases/check-readiness";
import { createDirectDevice } from "../shared/use-cases/direct-device";
import { createListKnocking } from "../shared/use-cases/list-knocking";
import { createListStragglers } from "../shared/use-cases/list-stragglers";
import { createReadDevice } from "../shared/use-cases/read-device";
import { createReadJournal } from "../shared/use-cases/read-journal";
import { createReadEvidence } from "../shared/use-cases/read-evidence";
import { createReadExpiry } from "../shared/use-cases/expiry/read-expiry";
import { createStartProposal } from "../shared/use-cases/expiry/start-proposal";
import { createRunExpiry } from "../shared/use-cases/expiry/run-expiry";
import { createIngestConnectionLogs, createIngestHubFacts } from "../shared/use-cases/hub-told";
import { createIngestEvents } from "../shared/use-cases/ingest-events";
import { createReadInventory } from "../shared/use-cases/inventory/read-inventory";
import { createRefreshInventory } from "../shared/use-cases/inventory/refresh";
import { createImportDevices } from "../shared/use-cases/registry/import-devices";
import { createNoticeDevices } from "../shared/use-cases/registry/notice-devices";
import { createRegistry } from "../shared/use-cases/registry/registry";
import { createManagePolicies } from "../shared/use-cases/policies";
import { createPurge } from "../shared/use-cases/purge";
import { createReadPlan } from "../shared/use-cases/read-plan";
import { createReadHeard } from "../shared/use-cases/read-heard";
import { createFindNotices } from "../shared/use-cases/notices/find-notices";
import { createSendNotices } from "../shared/use-cases/notices/send-notices";
import { createReadRolls } from "../shared/use-cases/read-rolls";
import { createReadDue } from "../shared/use-cases/read-due";
import { createStartCatchUp } from "../shared/use-cases/start-catch-up";
import { createRunDue } from "../shared/use-cases/run-due";
import { createSubmitPossession } from "../shared/use-cases/submit-possession";
import { createSweepRolls } from "../shared/use-cases/sweep-rolls";
import { registerCatchUpWork } from "./activities/catch-up";
import { registerTakeInventory } from "./activities/inventory";
import { registerPurgeRolls } from "./activities/purge";
import { registerActivities } from "./activities/register";
import { registerExportedAlerts, registerGridAlerts } from "./events/alerts";
import { registerConnectionLogs, registerHeartbeats } from "./events/heartbeats";
import { registerAlertShapes } from "./http/alert-shapes";
import { registerAlerts } from "./http/alerts";
import { registerDueList } from "./http/due";
import { registerEvidence } from "./http/evidence";
import { createGate } from "./http/gate";
import { registerHeard } from "./http/heard";
import { registerInventory } from "./http/inventory";
import { registerDenyEntries } from "./http/deny-entries";
import { registerRegistry } from "./http/registry";
import { registerAlertList, registerPolicies } from "./http/policies";
import { registerPurge } from "./http/purge";
import { registerPlanView } from "./http/plan";
import { registerOperators } from "./http/operators";
import { registerRolls } from "./http/rolls";
import { registerOrchestrations } from "./orchestrations";
import { registerDue } from "./timers/due";
import { registerExpiry } from "./timers/expiry";
import { registerInventoryTimer } from "./timers/inventory";
import { registerNotices } from "./timers/notices";
import { registerSweep } from "./timers/sweep";

const settings = readSettings(process.env);
const { leaseMs, sweepAgeMs, deadlineHours, callTimeoutMs, ...timing } = settings.timing;
const store = openStore(storeAddress(settings.storage));
const { enrollments, groups, registrations, authorities, hubs } = connectAzure(settings, systemClock);
const issuance = new TableIssuanceStore(store);
const { issuer, prover } = connectIssuers(settings, {
  store: issuance,
  certificates: nodeCertificateReader,
  clock: systemClock,
  entropy: nodeEntropy,
});
const rates = ratesOf(settings.quotas.dps, settings.quotas.hubs, settings.quotas.headroom);

const facts = new TableFactStore(store);
const hubNames = settings.hubs.map(({ host }) => hubNameOf(host));

const deps = {
  clock: systemClock,
  waiter: systemWaiter,
  entropy: nodeEntropy,
  certificates: nodeCertificateReader,
  policy: settings.certificatePolicy,
  registryRate: (hub: HubHostName) => rates.get(`${hub}/registry`)?.perSecond,
  importWhenSlowerThanSeconds: settings.importWhenSlowerThanSeconds,
  pinBlocksOldLeaf: settings.pinBlocksOldLeaf,
  decoys: createDecoys(systemClock, nodeEntropy),
  archive: new StoredRollArchive(store),
  denyLedger: new TableDenyLedger(store),
  signatures: new HmacAlertSignatures(settings.webhookSecrets),
  replacements: new BlobReplacementSource(store, settings.replacementsContainer, nodeCertificateReader),
  issuer,
  issuance,
  profile: settings.issuer?.profile ?? DEFAULT_PROFILE,
  prover,
  enrollments,
  groups,
  registrations,
  authorities,
  hubs,
  claims: new TableClaimStore(store, nodeEntropy),
  targetClaims: new TableTargetClaims(store),
  rolls: new TableRollStore(store),
  journal: new TableRollJournal(store),
  batches: new TableBatchStore(store, systemClock, leaseMs),
  blobs: new BlobRollBlobs(store),
  facts,
  factList: facts,
  stream: settings.catchUp && new EventHubStream(settings.catchUp, callTimeoutMs),
  counters: new TableSourceCounters(store),
  poison: new TablePoisonStore(store),
  due: new TableDueRows(store),
  devices: new TableDeviceDataStore(store),
  inventories: new BlobInventoryStore(store),
  exports: new BlobImportExport(storeAddress(settings.storage), systemClock),
  control: new TableControlStore(store),
  policies: new TablePolicyStore(store),
  proposals: new TableProposalStore(store),
  alertLog: new TableAlertLog(store, nodeEntropy),
  ours: { dps: settings.dpsResourceId.name, hubs: hubNames },
  hubNames: new Set(hubNames),
  autoContain: new TableAutoContainBudget(store, settings.autoContainPerHour, systemClock),
  hashes: nodeHashes,
  evidence: new BlobEvidenceStore(store),
  evidenceKey: connectEvidenceKey(settings.evidence, {
    timeoutMs: callTimeoutMs,
    loopback: settings.loopback,
  }),
  calendar: cronCalendar,
  ledger: new TableLedger(store, settings.dps.host, rates, systemClock),
  timing: { ...timing, deadlineMs: deadlineHours * 3_600_000 },
  twoPersons: settings.twoPersons,
  approvals: settings.approvals,
  quotas: settings.quotas,
  hasIssuer: settings.issuer !== undefined,
  minAgeMs: sweepAgeMs,
};

const directory = settings.operators === undefined ? undefined : new EntraOperators(settings.operators, systemClock);
const gate = createGate(directory);

registerOrchestrations();
registerActivities(deps);
registerAlerts(createAcceptAlert(deps));
const acceptDelivery = createAcceptDelivery({ ...deps, hubFacts: createIngestHubFacts(deps) });
registerAlertShapes({ accept: acceptDelivery, callers: directory });
registerAlertList(gate, createReadAlerts(deps));
const acceptOrder = createAcceptOrder(deps);
registerExpiry(settings.expirySchedule, {
  gate,
  runExpiry: createRunExpiry(deps),
  startProposal: createStartProposal({ ...deps, acceptOrder }),
  read: createReadExpiry(deps),
});
registerHeard(gate, createReadHeard(deps), createStartCatchUp(deps));
registerPolicies(gate, createManagePolicies(deps));
if (settings.alertSources.exported) registerExportedAlerts(acceptDelivery);
if (settings.alertSources.grid) registerGridAlerts(acceptDelivery);
registerRolls({
  gate,
  read: createReadRolls(deps),
  accept: acceptOrder,
  command: createCommandRoll(deps),
  submitPossession: createSubmitPossession(deps),
});
registerPlanView(gate, createReadPlan(deps));
registerDenyEntries({ gate, deny: createDenyEntries(deps) });
registerEvidence(gate, createReadEvidence(deps));
const ingest = createIngestEvents({ ...deps, notice: createNoticeDevices(deps) });
registerHeartbeats(ingest);
registerCatchUpWork({ stream: deps.stream, ingest });
if (settings.connectionLogs) registerConnectionLogs(createIngestConnectionLogs(deps));
registerOperators({
  gate,
  readJournal: createReadJournal(deps),
  listStragglers: createListStragglers(deps),
  listKnocking: createListKnocking(deps),
  readDevice: createReadDevice(deps),
  directDevice: createDirectDevice(deps),
  checkReadiness: createCheckReadiness(deps),
});
if (settings.notify.length > 0) {
  const outbox = new TableOutbox(store);
  const noticeSender = httpNoticeSender(settings.notify, systemClock, callTimeoutMs);
  registerNotices(
    createFindNotices({ ...deps, outbox }),
    createSendNotices({ clock: systemClock, outbox, noticeSender }),
  );
}
registerSweep(createSweepRolls(deps));
registerPurgeRolls(deps);
registerPurge(gate, createPurge({ clock: systemClock, retention: settings.retention }));
registerDue(createRunDue(deps));
registerDueList(gate, createReadDue(deps));
registerTakeInventory(deps);
const refreshInventory = createRefreshInventory(deps);
registerInventory({ gate, read: createReadInventory(deps), refresh: refreshInventory });
registerRegistry({ gate, registry: createRegistry(deps), importDevices: createImportDevices(deps) });
registerInventoryTimer(settings.inventorySchedule, refreshInventory);

// What the first alert would otherwise wait for: tables that must be created, libraries that load at their first call.
// Nobody waits here, and whatever fails now is tried again when it is needed.
const warmUp: Promise<unknown>[] = [
  ...(["claims", "rolls", "batches", "facts"] as const).map((table) => store.table(table)),
  store.container(),
  authorities.listVerified(),
];
for (const step of warmUp) step.catch(() => undefined);

function storeAddress(storage: Settings["storage"]): StoreAddress {
  if (storage.kind === "connection-string") return storage;
  const endpoint = (service: string): string => `https://${storage.account}.${service}.core.windows.net`;
  return {
    kind: "identity",
    tableEndpoint: endpoint("table"),
    blobEndpoint: endpoint("blob"),
    credential: appIdentity(),
  };
}
