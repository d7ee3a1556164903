import { randomBytes, randomUUID } from "node:crypto";
import { allocate } from "./allocation";
import type { DpsContext } from "./context";
import { entryKey, keyOf, type Registration } from "./entries";
import { dpsErrors, DpsError } from "./errors";
import { HubWriter } from "./hub-writer";
import { Matcher, type Verdict } from "./matching";
import { dpsLimits } from "./quotas";
import { deviceRegistrationView } from "./views";

/** What a device is told about its registration: the same over MQTT and HTTPS. */
export interface OperationAnswer {
  /** 202: ask again; 200: final. */
  readonly status: 200 | 202;
  readonly body: Record<string, unknown>;
}

interface PendingOperation {
  readonly registrationId: string;
  readonly leafThumbprint: string;
  final?: Record<string, unknown>;
}

type Accepted = Extract<Verdict, { kind: "accepted" }>;

/** Answers of finished and lost operations kept for devices that ask late. */
const operationsKept = 50_000;

/** The registrations of one DPS instance: judged at once, written to the hub `assignDelayMs` later. */
export class Registrar {
  private readonly operations = new Map<string, PendingOperation>();
  private readonly pending = new Set<() => void>();
  private readonly matcher: Matcher;
  private readonly hubs: HubWriter;
  private stopped = false;

  constructor(private readonly context: DpsContext) {
    this.matcher = new Matcher(context.store, context.switches);
    this.hubs = new HubWriter(context);
  }

  /** What would be said of a registration now; nothing is recorded. */
  judge(registrationId: string, chain: readonly Buffer[]): Verdict {
    return this.matcher.judge(registrationId, chain, this.context.clock.now());
  }

  /** Notes a refusal at the door, before any registration was asked for. */
  refusedAtConnect(registrationId: string, verdict: Extract<Verdict, { kind: "refused" }>): void {
    this.note(registrationId, verdict, verdict.message);
  }

  /** Takes a registration, or throws DpsError 401. Not `commit`: the answer only, as if it were taken. */
  register(registrationId: string, chain: readonly Buffer[], payload: unknown, commit = true): OperationAnswer {
    const verdict = this.judge(registrationId, chain);
    if (verdict.kind === "refused") {
      this.note(registrationId, verdict, verdict.message);
      throw dpsErrors.unauthorized(verdict.message);
    }
    if (commit && !this.context.store.registrations.get(keyOf(registrationId))) this.checkRoom();
    const operationId = `5.${randomBytes(8).toString("hex")}.${randomUUID()}`;
    const operation = { registrationId, leafThumbprint: verdict.leaf.sha256Thumbprint };
    this.remember(operationId, operation);
    if (verdict.kind === "disabled") {
      this.note(registrationId, verdict, "disabled");
      if (commit) this.finish(operationId, operation, this.begin(registrationId, verdict, operationId, "disabled"));
    } else {
      this.note(registrationId, verdict);
      if (commit) {
        const record = this.begin(registrationId, verdict, operationId, "assigning");
        void this.assign(operationId, operation, verdict, record, payload, chain);
      } else {
        this.pretend(operationId, operation, verdict);
      }
    }
    return { status: 202, body: { operationId, status: "assigning" } };
  }

  /** How an operation stands. Throws DpsError 404 when there is none of this id for this device. */
  poll(registrationId: string, operationId: string, chain: readonly Buffer[]): OperationAnswer {
    const operation = this.operations.get(operationId);
    if (!operation || keyOf(operation.registrationId) !== keyOf(registrationId)) throw dpsErrors.registrationNotFound();
    const verdict = this.judge(registrationId, chain);
    if (verdict.leaf?.sha256Thumbprint !== operation.leafThumbprint) throw dpsErrors.unauthorized();
    if (operation.final) {
      const { status } = operation.final;
      return { status: 200, body: { operationId, status, registrationState: operation.final } };
    }
    return {
      status: 202,
      body: { operationId, status: "assigning", registrationState: { registrationId, status: "assigning" } },
    };
  }

  /** The registration record of a device that may register. Throws DpsError 401 or 404. */
  lookup(registrationId: string, chain: readonly Buffer[]): Record<string, unknown> {
    const verdict = this.judge(registrationId, chain);
    if (verdict.kind === "refused") throw dpsErrors.unauthorized(verdict.message);
    const record = this.context.store.registrations.get(keyOf(registrationId));
    if (!record) throw dpsErrors.registrationNotFound();
    return deviceRegistrationView(record);
  }

  /** Drops what has not reached a hub yet, as a stopped process would. */
  stop(): void {
    this.stopped = true;
    for (const cancel of this.pending) cancel();
    this.pending.clear();
  }

  private begin(
    registrationId: string,
    verdict: Exclude<Verdict, { kind: "refused" }>,
    operationId: string,
    status: "assigning" | "disabled",
  ): Registration {
    const { clock, store } = this.context;
    const previous = store.registrations.get(keyOf(registrationId));
    const record: Registration = {
      registrationId: previous?.registrationId ?? registrationId,
      status,
      errorCode: 0,
      errorMessage: null,
      ...(verdict.entry.kind === "group" ? { enrollmentGroupId: verdict.entry.id } : {}),
      createdAt: previous?.createdAt ?? clock.now(),
      updatedAt: clock.now(),
      etag: store.newEtag(),
      ...(previous?.assignment ? { assignment: previous.assignment } : {}),
      ...(previous?.substatus ? { substatus: previous.substatus } : {}),
      operationId,
      ...(previous?.listedUnder === undefined ? {} : { listedUnder: previous.listedUnder }),
    };
    store.putRegistration(record);
    return record;
  }

  private async assign(
    operationId: string,
    operation: PendingOperation,
    verdict: Accepted,
    record: Registration,
    payload: unknown,
    chain: readonly Buffer[],
  ): Promise<void> {
    const { clock, switches } = this.context;
    const acceptedAt = clock.now();
    try {
      const { registrationId } = operation;
      const { leaf } = verdict;
      const previous = record.assignment;
      const allocation = await allocate(
        { entry: verdict.entry, registrationId, leaf, payload, previous },
        this.context,
      );
      await this.wait(Math.max(0, acceptedAt + switches.assignDelayMs - clock.now()));
      const again = switches.inFlightSurvivesChange ? verdict : this.judge(registrationId, chain);
      if (again.kind === "refused") throw dpsErrors.unauthorized(again.message);
      if (again.kind === "disabled") {
        this.finish(operationId, operation, this.complete(record, { status: "disabled" }));
        return;
      }
      if (allocation.kind === "failed") throw new DpsError(400, allocation.errorCode, allocation.message);
      const result = await this.hubs.write({ entry: again.entry, registrationId, leaf, allocation, record });
      this.finish(
        operationId,
        operation,
        this.complete(record, {
          status: "assigned",
          substatus: result.substatus,
          assignment: { ...result.assignment, entryKey: entryKey(again.entry) },
          ...(allocation.payload === undefined ? {} : { payload: allocation.payload }),
        }),
      );
    } catch (error) {
      if (this.stopped) return;
      const [errorCode, errorMessage] =
        error instanceof DpsError ? [error.errorCode, error.message] : [401002, "IotHubUnauthorizedAccess"];
      this.finish(operationId, operation, this.complete(record, { status: "failed", errorCode, errorMessage }));
    }
  }

  /** Writes the end of an attempt, unless a later attempt has taken the record over. */
  private complete(record: Registration, end: Partial<Registration>): Registration {
    const { clock, store } = this.context;
    const completed = { ...record, ...end, updatedAt: clock.now(), etag: store.newEtag() };
    const latest = store.registrations.get(keyOf(record.registrationId));
    if (!latest || latest.operationId === record.operationId) store.putRegistration(completed);
    else if (completed.status === "assigned" && completed.assignment) {
      // The hub was written all the same: the later attempt moves the device from where it now is.
      store.putRegistration({ ...latest, assignment: completed.assignment });
    }
    return completed;
  }

  private finish(_operationId: string, operation: PendingOperation, record: Registration): void {
    operation.final = deviceRegistrationView(record);
  }

  /** An assignment that never happened, for the fault "acknowledged, not done". */
  private pretend(operationId: string, operation: PendingOperation, verdict: Accepted): void {
    const { clock, hubs, store } = this.context;
    const now = clock.now();
    const { registrationId } = operation;
    const hubHostName = hubs[0]?.hostName ?? "";
    this.finish(operationId, operation, {
      registrationId,
      status: "assigned",
      substatus: "initialAssignment",
      errorCode: 0,
      errorMessage: null,
      createdAt: now,
      updatedAt: now,
      etag: store.newEtag(),
      assignment: { hubHostName, deviceId: registrationId, entryKey: entryKey(verdict.entry) },
      operationId,
    });
  }

  private wait(delayMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        cancelTimer();
        reject(new Error("stopped"));
      };
      const cancelTimer = this.context.clock.after(delayMs, () => {
        this.pending.delete(cancel);
        resolve();
      });
      if (this.stopped) cancel();
      else this.pending.add(cancel);
    });
  }

  private note(registrationId: string, verdict: Verdict, reason?: string): void {
    const refused = verdict.kind === "refused";
    this.context.store.attempts.add({
      at: this.context.clock.now(),
      registrationId,
      sha256Thumbprint: verdict.leaf?.sha256Thumbprint,
      outcome: verdict.kind === "accepted" ? "accepted" : "refused",
      status: refused ? 401 : verdict.kind === "disabled" ? 200 : 202,
      ...(refused ? { errorCode: 401002 } : {}),
      ...(reason === undefined ? {} : { reason }),
    });
  }

  private checkRoom(): void {
    if (this.context.store.registrations.size >= dpsLimits.registrations) {
      throw dpsErrors.quotaReached("registrations");
    }
  }

  private remember(operationId: string, operation: PendingOperation): void {
    this.operations.set(operationId, operation);
    if (this.operations.size <= operationsKept) return;
    for (const oldest of this.operations.keys()) {
      this.operations.delete(oldest);
      break;
    }
  }
}
