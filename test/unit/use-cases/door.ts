import { cronCalendar } from "../../../shared/adapters/calendar/cron-calendar";
import { createHmac } from "node:crypto";
import { createRoot, issueLeaf, type CertificateAuthority, type LabCertificate } from "../../../lab/pki/certificates";
import { HmacAlertSignatures } from "../../../shared/adapters/hmac/alert-signatures";
import { nodeCertificateReader } from "../../../shared/adapters/x509/node-certificate-reader";
import { nodeEntropy } from "../../../shared/adapters/x509/node-entropy";
import type { DeviceFacts } from "../../../shared/domain/device-facts";
import type { RollId } from "../../../shared/domain/ids";
import type { Playbook } from "../../../shared/domain/roll/playbook";
import { RollError } from "../../../shared/domain/roll-error";
import type { Principal } from "../../../shared/domain/operator";
import type { EnrollmentGroups } from "../../../shared/ports/enrollment-groups";
import type { RollStarter } from "../../../shared/ports/starter";
import { createAcceptAlert, type AlertAnswer, type SignedAlert } from "../../../shared/use-cases/accept-alert";
import {
  createAcceptDelivery,
  type AlertShape,
  type DeliveryAnswer,
} from "../../../shared/use-cases/alerts/accept-delivery";
import { createAcceptOrder, type OrderAnswer } from "../../../shared/use-cases/accept-order";
import { createCommandRoll, type CommandAnswer, type OperatorVerb } from "../../../shared/use-cases/command-roll";
import { createSweepRolls } from "../../../shared/use-cases/sweep-rolls";
import { FakeAzure } from "../../support/fake-azure";
import { MemoryAlertLog, MemoryPolicyStore } from "../../support/memory-intake";
import { MemoryInventoryStore } from "../../support/memory-inventory";
import { MemoryTargetClaims } from "../../support/memory-target-claims";
import { MemoryControlStore } from "../../support/memory-control";
import { MemoryBatchStore, MemoryClaimStore, MemoryRollBlobs, MemoryRollStore } from "../../support/memory-stores";
import { HandClock } from "../steps/bed";

export const SECRET = "0123456789abcdef";

/** Notes what was started; can be told to fail, or to say how an instance stands. */
export class RecordingStarter implements RollStarter {
  readonly started: RollId[] = [];
  /** Those of them that are dry runs. */
  readonly rehearsed: RollId[] = [];
  readonly statuses = new Map<RollId, Awaited<ReturnType<RollStarter["status"]>>>();
  down = false;

  start(_playbook: Playbook, rollId: RollId, { dryRun }: { dryRun: boolean }): Promise<void> {
    if (this.down) return Promise.reject(new RollError("service-unavailable", "the host does not answer", true));
    if (dryRun) this.rehearsed.push(rollId);
    this.started.push(rollId);
    this.statuses.set(rollId, "running");
    return Promise.resolve();
  }

  readonly finishing: RollId[] = [];
  finish(rollId: RollId): Promise<void> {
    this.finishing.push(rollId);
    this.statuses.set(rollId, "running");
    return Promise.resolve();
  }

  status(rollId: RollId): ReturnType<RollStarter["status"]> {
    return Promise.resolve(this.statuses.get(rollId) ?? "absent");
  }
}

export const operator: Principal = { kind: "person", id: "oid-1", name: "Ada", roles: ["operator"] };
export const approver: Principal = { kind: "person", id: "oid-2", name: "Grace", roles: ["approver"] };

/** The door for alerts and the sweeper behind it, over stores in memory. */
export class Door {
  readonly clock = new HandClock();
  readonly azure = new FakeAzure({ clock: this.clock });
  readonly claims = new MemoryClaimStore();
  readonly rolls = new MemoryRollStore();
  readonly blobs = new MemoryRollBlobs();
  readonly batches = new MemoryBatchStore(this.clock, 60_000);
  readonly control = new MemoryControlStore();
  readonly starter = new RecordingStarter();
  readonly alertLog = new MemoryAlertLog();
  readonly policies = new MemoryPolicyStore();
  readonly inventories = new MemoryInventoryStore();
  readonly targetClaims = new MemoryTargetClaims();
  /** A delivery in one of the foreign shapes. */
  readonly deliver: (shape: AlertShape, body: unknown) => Promise<DeliveryAnswer>;
  /** What Event Grid told of hubs' devices, delivery by delivery. */
  readonly told: (readonly DeviceFacts[])[] = [];
  readonly root: CertificateAuthority = createRoot({ commonName: "Fleet root" });
  readonly accept: (alert: SignedAlert) => Promise<AlertAnswer>;
  readonly order: (
    body: string | Uint8Array,
    o?: { readonly key?: string; readonly by?: Principal },
  ) => Promise<OrderAnswer>;
  readonly command: (
    rollId: string,
    verb: OperatorVerb,
    o?: { readonly body?: object; readonly key?: string; readonly by?: Principal },
  ) => Promise<CommandAnswer>;
  /** What DPS says of a group; by default it has none. */
  groups: EnrollmentGroups["get"] = () => Promise.resolve({ outcome: "missing" });
  readonly sweep: () => Promise<readonly RollId[]>;
  /** How long the lookup waits; by default for ever. */
  patience: Promise<void> = new Promise(() => undefined);

  constructor() {
    const { clock, claims, rolls, blobs, control, starter } = this;
    const { alertLog, policies, inventories, targetClaims } = this;
    const alerts = {
      clock,
      claims,
      rolls,
      blobs,
      control,
      waiter: { sleep: () => this.patience },
      entropy: nodeEntropy,
      certificates: nodeCertificateReader,
      signatures: new HmacAlertSignatures([SECRET, "fedcba9876543210"]),
      ...{ alertLog, policies, inventories, targetClaims, enrollments: this.azure.enrollments },
      ...{ groups: this.azure.groups, authorities: this.azure.authorities },
      ours: { dps: "dps-fleet", hubs: ["ih-fleet-prod"] },
      timing: { pulseHoldMs: 200, settleMs: 500, pollMs: 100, recheckMs: 1_000, attemptMs: 5_000, deadlineMs: 60_000 },
    };
    const accept = createAcceptAlert(alerts);
    const deliver = createAcceptDelivery({
      ...alerts,
      hubFacts: async (told) => Promise.resolve(this.told.push(told)),
    });
    this.deliver = (shape, body) =>
      deliver(
        shape,
        body instanceof Uint8Array
          ? body
          : new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)),
        starter,
      );
    this.accept = (alert) => accept(alert, starter);
    const order = createAcceptOrder({
      calendar: cronCalendar,
      ...{ clock, claims, rolls, blobs, control },
      waiter: { sleep: () => this.patience },
      entropy: nodeEntropy,
      certificates: nodeCertificateReader,
      enrollments: this.azure.enrollments,
      groups: { get: (groupId) => this.groups(groupId) },
      timing: { pulseHoldMs: 200, settleMs: 500, pollMs: 100, recheckMs: 1_000, attemptMs: 5_000, deadlineMs: 60_000 },
    });
    this.order = (body, o = {}) =>
      order(
        {
          body: typeof body === "string" ? new TextEncoder().encode(body) : body,
          idempotencyKey: o.key,
          by: o.by ?? operator,
        },
        starter,
      );
    const command = createCommandRoll({ clock, entropy: nodeEntropy, rolls, control, twoPersons: true });
    this.command = (rollId, verb, o = {}) =>
      command({
        rollId,
        verb,
        body: new TextEncoder().encode(o.body === undefined ? "" : JSON.stringify(o.body)),
        idempotencyKey: o.key,
        by: o.by ?? operator,
      });
    const sweep = createSweepRolls({ clock, claims, rolls, blobs, control, entropy: nodeEntropy, minAgeMs: 60_000 });
    this.sweep = async () => (await sweep(starter)).restarted;
    for (const id of ["pump-1", "pump-2"])
      this.azure.addEnrollment({ registrationId: id, primaryPem: this.leaf(id).certificatePem });
  }

  leaf(commonName: string): LabCertificate {
    return issueLeaf({ commonName, issuer: this.root });
  }

  /** An alert as a sender signs it, now. */
  signed(body: string | Uint8Array, o: { secret?: string; ageSeconds?: number } = {}): SignedAlert {
    const timestamp = String(Math.floor(this.clock.now() / 1000) - (o.ageSeconds ?? 0));
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const hmac = createHmac("sha256", o.secret ?? SECRET)
      .update(`${timestamp}.`)
      .update(bytes)
      .digest("hex");
    return { timestamp, signature: `sha256=${hmac}`, body: bytes };
  }

  post(alert: object): Promise<AlertAnswer> {
    return this.accept(this.signed(JSON.stringify(alert)));
  }
}

export function anAlert(changes: object = {}, devices: readonly object[] = [{ registrationId: "pump-1" }]): object {
  return {
    version: "1",
    id: "alert-1",
    source: "soc",
    type: "breach",
    severity: "critical",
    reason: "keys on a paste site",
    scope: { kind: "devices", devices },
    ...changes,
  };
}
