import type { Faults } from "../../lab/faults/faults";
import { Etag, HubHostName, ModuleId, type DeviceId } from "../../shared/domain/ids";
import type { Clock } from "../../shared/ports/clock";
import type { HubModule, ModulesReading, ModuleWrite } from "../../shared/ports/hub-modules";
import type {
  Hub,
  HubIdentity,
  IdentityCreation,
  IdentityCreationOutcome,
  IdentityDeletion,
  IdentityDeletionOutcome,
  IdentityWrite,
  IdentityWriteOutcome,
  MethodOutcome,
  RegisteredDevice,
} from "../../shared/ports/hubs";
import type { FakeImportExportBlobs } from "./fake-blobs";
import { underFaults } from "./fake-faults";
import { FakeHubJobs } from "./fake-hub-jobs";
import { pageOf, refusedWrite } from "./fake-records";

/** What a connected device answers to a direct method. */
export type MethodHandler = (
  methodName: string,
  payload: unknown,
) => { readonly status: number; readonly payload: unknown };

/** One IoT Hub's identities and connected devices in memory. */
export class FakeHub {
  readonly port: Hub;
  /** Every method that reached a device. */
  readonly methodCalls: { readonly deviceId: DeviceId; readonly methodName: string; readonly payload: unknown }[] = [];
  /** Called after each write of an identity, whoever wrote it. */
  onWrite: ((identity: HubIdentity) => void) | undefined;
  private readonly identities = new Map<DeviceId, RegisteredDevice>();
  private readonly online = new Map<DeviceId, MethodHandler>();
  private readonly modules = new Map<string, HubModule>();
  private version = 0;
  private generation = 0;
  readonly jobs: FakeHubJobs;

  constructor(hostName: string, clock: Clock, faults: Faults, blobs: FakeImportExportBlobs) {
    this.jobs = new FakeHubJobs(
      {
        all: () => this.identities.values(),
        write: (write) => this.write(write, true),
        invoke: (deviceId, methodName, payload) => this.invoke(deviceId, methodName, payload, true),
      },
      blobs,
      clock,
      faults,
    );
    const each = <Item extends { readonly deviceId: DeviceId }, Outcome>(
      items: readonly Item[],
      one: (item: Item, commit: boolean) => Outcome,
      failed: Outcome,
    ): Promise<ReadonlyMap<DeviceId, Outcome>> => {
      if (items.length === 0) return Promise.resolve(new Map());
      const all = (outcomeOf: (item: Item) => Outcome): ReadonlyMap<DeviceId, Outcome> =>
        new Map(items.map((item) => [item.deviceId, outcomeOf(item)]));
      return underFaults(
        faults,
        { operation: "hub.registry.bulk", subject: items.map(({ deviceId }) => deviceId).join(","), write: true },
        (commit) =>
          all((item) => {
            const effects = faults.take("hub.registry.bulk.item", item.deviceId);
            const ignored = effects.some(({ kind }) => kind === "acknowledged-not-done");
            return one(item, commit && !ignored);
          }),
        ({ status }) => (status === 400 ? all(() => failed) : undefined),
      );
    };
    this.port = {
      hostName: HubHostName.parse(hostName),
      methodJobs: this.jobs.methodJobs,
      registryJobs: this.jobs.registryJobs,
      modules: {
        list: (deviceId) =>
          underFaults(
            faults,
            { operation: "hub.registry.list", subject: deviceId, write: false },
            (): ModulesReading => {
              if (!this.identities.has(deviceId)) return { outcome: "missing" };
              const modules = [...this.modules.values()].filter((module) => module.deviceId === deviceId);
              return { outcome: "found", modules };
            },
          ),
        delete: (module) =>
          underFaults<ModuleWrite>(
            faults,
            { operation: "hub.registry.delete", subject: module.deviceId, write: true },
            (commit) => this.writeModule(module, undefined, commit),
            refusedWrite,
          ),
        rotate: (module, [primaryThumbprint, secondaryThumbprint]) => {
          const keys = module.authentication === "sas";
          const after: HubModule = keys
            ? module
            : { ...module, authentication: "selfSigned", primaryThumbprint, secondaryThumbprint };
          return underFaults<ModuleWrite>(
            faults,
            { operation: "hub.registry.put", subject: module.deviceId, write: true },
            (commit) => this.writeModule(module, after, commit),
            refusedWrite,
          );
        },
        find: (deviceIds) =>
          underFaults(faults, { operation: "hub.query", subject: "", write: false }, () =>
            [...this.modules.values()]
              .filter(({ deviceId, authentication }) => deviceIds.includes(deviceId) && authentication !== "none")
              .map(({ deviceId, moduleId }) => ({ deviceId, moduleId })),
          ),
      },
      readRegistered: (deviceId) =>
        underFaults(
          faults,
          { operation: "hub.registry.get", subject: deviceId, write: false },
          () => {
            const device = this.identities.get(deviceId);
            return device === undefined ? { outcome: "missing" } : { outcome: "found", device };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
      listRegistered: () =>
        underFaults(faults, { operation: "hub.registry.list", subject: "", write: false }, () =>
          [...this.identities.values()].slice(0, 1_000),
        ),
      createIdentities: (creations) =>
        each(creations, (creation, commit) => this.create(creation, commit), { outcome: "failed", detail: "fault" }),
      deleteIdentities: (deletions) =>
        each(deletions, (deletion, commit) => this.delete(deletion, commit), { outcome: "failed", detail: "fault" }),
      queryIdentities: (cursor) =>
        underFaults(faults, { operation: "hub.query", subject: "", write: false }, () => {
          const { items, next } = pageOf(this.identities, cursor);
          return { items: items.map(identityOf), next };
        }),
      readIdentity: (deviceId) =>
        underFaults(
          faults,
          { operation: "hub.twin.get", subject: deviceId, write: false },
          () => {
            const stored = this.identities.get(deviceId);
            return stored === undefined ? { outcome: "missing" } : { outcome: "found", identity: identityOf(stored) };
          },
          ({ status }) => (status === 404 ? { outcome: "missing" } : undefined),
        ),
      writeIdentities: (writes) =>
        each(writes, (write, commit) => this.write(write, commit), { outcome: "failed", detail: "fault" }),
      invokeMethod: (deviceId, methodName, payload): Promise<MethodOutcome> =>
        underFaults(
          faults,
          { operation: "hub.method.invoke", subject: deviceId, write: true },
          (commit) => this.invoke(deviceId, methodName, payload, commit),
          ({ status }): MethodOutcome | undefined => {
            if (status === 400 || status === 404 || status === 412) return { outcome: "unreachable", detail: "fault" };
            const unknown = status === undefined || status >= 500;
            return unknown ? { outcome: "no-answer", detail: "fault", at: clock.now() } : undefined;
          },
        ),
    };
  }

  add(o: {
    deviceId: DeviceId;
    primaryThumbprint: string;
    secondaryThumbprint?: string;
    status?: "enabled" | "disabled";
    authentication?: HubIdentity["authentication"];
    iotEdge?: boolean;
  }): void {
    this.store({
      deviceId: o.deviceId,
      status: o.status ?? "enabled",
      statusReason: undefined,
      authentication: o.authentication ?? "selfSigned",
      primaryThumbprint: o.primaryThumbprint,
      secondaryThumbprint: o.secondaryThumbprint,
      iotEdge: o.iotEdge ?? false,
    });
  }

  /** A module with credentials of its own, of a device that exists. */
  addModule(deviceId: DeviceId, moduleId: string, more: Partial<HubModule> = {}): void {
    const id = ModuleId.parse(moduleId);
    this.modules.set(`${deviceId}/${moduleId}`, {
      deviceId,
      moduleId: id,
      etag: this.nextEtag(),
      generationId: this.nextGeneration(),
      authentication: "sas",
      primaryThumbprint: undefined,
      secondaryThumbprint: undefined,
      managedBy: undefined,
      ...more,
    });
  }

  remove(deviceId: DeviceId): void {
    this.identities.delete(deviceId);
    for (const [key, module] of this.modules) if (module.deviceId === deviceId) this.modules.delete(key);
  }

  /** What DPS does after it accepted a registration: both slots, the status stays as it is. */
  assign(deviceId: DeviceId, thumbprint: string): void {
    const { status = "enabled", statusReason, iotEdge = false } = this.identities.get(deviceId) ?? {};
    const slots = { primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint };
    this.store({ deviceId, status, statusReason, authentication: "selfSigned", iotEdge, ...slots });
  }

  /** The device has a session and answers direct methods; undefined: it goes away. */
  connect(deviceId: DeviceId, handler: MethodHandler | undefined): void {
    if (handler === undefined) this.online.delete(deviceId);
    else this.online.set(deviceId, handler);
  }

  /** The identity as it stands, for tests to look at. */
  identity(deviceId: DeviceId): RegisteredDevice | undefined {
    return this.identities.get(deviceId);
  }

  private write(write: IdentityWrite, commit: boolean): IdentityWriteOutcome {
    const stored = this.identities.get(write.deviceId);
    if (stored === undefined) return { outcome: "missing" };
    if (!hasThumbprint(write)) return { outcome: "failed", detail: "a thumbprint is needed" };
    if (stored.etag !== write.etag) return { outcome: "precondition-failed" };
    const { etag: _, ...content } = write;
    if (commit) this.store({ ...content, authentication: "selfSigned" });
    return { outcome: "written" };
  }

  private create(creation: IdentityCreation, commit: boolean): IdentityCreationOutcome {
    if (this.identities.has(creation.deviceId)) return { outcome: "exists" };
    if (!hasThumbprint(creation)) return { outcome: "failed", detail: "a thumbprint is needed" };
    if (commit) this.store({ ...creation, authentication: "selfSigned" });
    return { outcome: "created" };
  }

  private delete({ deviceId, etag }: IdentityDeletion, commit: boolean): IdentityDeletionOutcome {
    const stored = this.identities.get(deviceId);
    if (stored === undefined) return { outcome: "missing" };
    if (stored.etag !== etag) return { outcome: "precondition-failed" };
    if (commit) this.remove(deviceId);
    return { outcome: "deleted" };
  }

  /** `after` undefined: it goes. */
  private writeModule(
    { deviceId, moduleId, etag }: HubModule,
    after: HubModule | undefined,
    commit: boolean,
  ): ModuleWrite {
    const key = `${deviceId}/${moduleId}`;
    const held = this.modules.get(key);
    if (held === undefined) return { outcome: "missing" };
    if (held.etag !== etag) return { outcome: "precondition-failed" };
    if (commit && after === undefined) this.modules.delete(key);
    else if (commit && after !== undefined) this.modules.set(key, { ...after, etag: this.nextEtag() });
    return { outcome: "done" };
  }

  private invoke(deviceId: DeviceId, methodName: string, payload: unknown, commit: boolean): MethodOutcome {
    const handler = this.online.get(deviceId);
    if (handler === undefined || this.identities.get(deviceId)?.status !== "enabled")
      return { outcome: "unreachable", detail: "404103 the device is not online" };
    if (!commit) return { outcome: "answered", status: 202, payload: null };
    this.methodCalls.push({ deviceId, methodName, payload });
    return { outcome: "answered", ...handler(methodName, payload) };
  }

  private store(identity: Omit<RegisteredDevice, "etag" | "generationId">): void {
    const generationId = this.identities.get(identity.deviceId)?.generationId ?? this.nextGeneration();
    const stored = { ...identity, generationId, etag: this.nextEtag() };
    this.identities.set(identity.deviceId, stored);
    this.onWrite?.(stored);
  }

  private nextEtag(): Etag {
    this.version += 1;
    return Etag.parse(Buffer.from(String(this.version)).toString("base64"));
  }

  private nextGeneration(): string {
    this.generation += 1;
    return String(638_000_000_000_000_000n + BigInt(this.generation));
  }
}

function hasThumbprint({ primaryThumbprint, secondaryThumbprint }: IdentityCreation): boolean {
  return primaryThumbprint !== undefined || secondaryThumbprint !== undefined;
}

function identityOf({ statusReason: _reason, generationId: _generation, ...identity }: RegisteredDevice): HubIdentity {
  return identity;
}
