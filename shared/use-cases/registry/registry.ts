import type { z } from "zod";
import {
  ChangeDevice,
  CreateDevice,
  DisableDevice,
  EnableDevice,
  MAX_REGISTRY_BYTES,
  REGISTRY_LIST_LIMIT,
  type DeviceListView,
  type DeviceView,
} from "../../contract/registry-api";
import { DeviceId, HubHostName, RegistrationId } from "../../domain/ids";
import { isProblem, problem, type Problem } from "../../domain/outcome";
import type { DeviceData } from "../../domain/registry/device-data";
import type { Clock } from "../../ports/clock";
import type { DeviceDataStore } from "../../ports/device-data";
import type { Hub, Hubs, IdentityWrite, IdentityWriteOutcome, RegisteredDevice } from "../../ports/hubs";
import type { TargetClaims } from "../../ports/target-claims";
import { readJsonBody } from "../json-body";
import { toDeviceView, toListedView } from "./device-views";
import { readIfMatch } from "./if-match";

export interface RegistryDeps {
  readonly clock: Clock;
  readonly hubs: Hubs;
  readonly devices: DeviceDataStore;
  readonly targetClaims: Pick<TargetClaims, "holders">;
}

/** Which device of which hub, as a request names them. */
export interface DeviceAddress {
  /** May be left out where there is one hub. */
  readonly hub: string | undefined;
  readonly deviceId: string;
}

export interface DeviceChange extends DeviceAddress {
  readonly ifMatch: string | undefined;
  readonly body: Uint8Array;
}

/**
 * One hub's identity registry, a device at a time. Every change is guarded by the ETag that the caller has read; outages of
 * the hub throw `RollError`. Problems of all: `hub-needed`, `unknown-hub`; of those with a device `invalid-device-id`,
 * `unknown-device`; of changes `etag-needed`, `invalid-if-match`, `etag-changed`, `refused-by-hub`; of those with a body
 * `payload-too-large`, `malformed-json`, `invalid-device`.
 */
export interface Registry {
  /** At most 1,000, in no order; an inventory is the complete list. */
  list(hub: string | undefined): Promise<DeviceListView | Problem>;
  read(address: DeviceAddress): Promise<DeviceView | Problem>;
  /** Problems: `device-exists`. */
  create(request: { readonly hub: string | undefined; readonly body: Uint8Array }): Promise<DeviceView | Problem>;
  /** Problems: `not-x509`, `claimed-by-roll`. */
  change(request: DeviceChange): Promise<DeviceView | Problem>;
  /** Cuts the device off, whoever claims it. Problems: `not-x509`. */
  disable(request: DeviceChange): Promise<DeviceView | Problem>;
  /** Problems: `not-x509`, `claimed-by-roll`. */
  enable(request: DeviceChange): Promise<DeviceView | Problem>;
  /** With twin and modules. Problems: `claimed-by-roll`. */
  delete(request: Omit<DeviceChange, "body">): Promise<{ readonly outcome: "deleted" } | Problem>;
}

export function createRegistry(deps: RegistryDeps): Registry {
  const { devices } = deps;

  /** The device with its data, initialised if this is the first that is seen of it. */
  const seen = async (hub: Hub, device: RegisteredDevice): Promise<DeviceView> => {
    const { deviceId, generationId } = device;
    const known = await devices.see([{ deviceId, generationId, hub: hub.hostName, at: deps.clock.now() }]);
    return toDeviceView(hub.hostName, device, known.get(deviceId));
  };

  const write = async (
    request: Omit<DeviceChange, "body">,
    o: { readonly evenIfClaimed: boolean },
    decide: (device: RegisteredDevice) => Partial<IdentityWrite>,
  ): Promise<DeviceView | Problem> => {
    const found = await findForChange(deps, request, o);
    if (isProblem(found)) return found;
    const { hub, device } = found;
    if (device.authentication !== "selfSigned")
      return problem(
        409,
        "not-x509",
        `it authenticates by "${device.authentication}"; writing it here would lose that, use Azure's own tools`,
      );
    const { deviceId, etag, status, statusReason, primaryThumbprint, secondaryThumbprint, iotEdge } = device;
    const asRead: IdentityWrite = {
      deviceId,
      etag,
      status,
      statusReason,
      primaryThumbprint,
      secondaryThumbprint,
      iotEdge,
    };
    const outcomes = await hub.writeIdentities([{ ...asRead, ...decide(device) }]);
    const refused = whyNot(outcomes.get(deviceId));
    if (refused !== undefined) return refused;
    const after = await hub.readRegistered(deviceId);
    return after.outcome === "found" ? seen(hub, after.device) : unknownDevice();
  };

  return {
    async list(name) {
      const hub = hubOf(deps.hubs, name);
      if (isProblem(hub)) return hub;
      const listed = await hub.listRegistered();
      return {
        hub: hub.hostName,
        complete: listed.length < REGISTRY_LIST_LIMIT,
        devices: listed.map((device) => toListedView(hub.hostName, device)),
      };
    },

    async read(address) {
      const found = await find(deps.hubs, address);
      return isProblem(found) ? found : seen(found.hub, found.device);
    },

    async create({ hub: name, body }) {
      const hub = hubOf(deps.hubs, name);
      if (isProblem(hub)) return hub;
      const read = bodyOf(body, CreateDevice);
      if (isProblem(read)) return read;
      const { metadata, ...wanted } = read.value;
      const creation = toCreation(wanted);
      const outcome = (await hub.createIdentities([creation])).get(creation.deviceId);
      if (outcome?.outcome === "exists")
        return problem(
          409,
          "device-exists",
          "the hub has a device of this id already; change that one, or take another id",
        );
      if (outcome?.outcome === "failed") return problem(422, "refused-by-hub", outcome.detail);
      const made = await hub.readRegistered(creation.deviceId);
      if (made.outcome === "missing") return unknownDevice();
      const view = await seen(hub, made.device);
      if (metadata === undefined) return view;
      return toDeviceView(hub.hostName, made.device, await devices.putMetadata(creation.deviceId, metadata));
    },

    async change(request) {
      const read = bodyOf(request.body, ChangeDevice);
      if (isProblem(read)) return read;
      const { metadata, ...change } = read.value;
      if (Object.keys(change).length === 0) return putNotes(deps, request, metadata ?? {});
      const view = await write(request, { evenIfClaimed: false }, () => toWrite(change));
      if (isProblem(view) || metadata === undefined) return view;
      return putNotes(deps, { ...request, ifMatch: `"${view.etag}"` }, metadata);
    },

    async disable(request) {
      const read = bodyOf(request.body, DisableDevice);
      if (isProblem(read)) return read;
      return write(request, { evenIfClaimed: true }, () => ({ status: "disabled", statusReason: read.value.reason }));
    },

    async enable(request) {
      const read = bodyOf(request.body, EnableDevice);
      if (isProblem(read)) return read;
      return write(request, { evenIfClaimed: false }, () => ({ status: "enabled", statusReason: read.value.reason }));
    },

    async delete(request) {
      const found = await findForChange(deps, request, { evenIfClaimed: false });
      if (isProblem(found)) return found;
      const { deviceId, etag } = found.device;
      const outcome = (await found.hub.deleteIdentities([{ deviceId, etag }])).get(deviceId);
      // Somebody else may have deleted it meanwhile; gone is gone.
      if (outcome?.outcome === "missing") return { outcome: "deleted" };
      return whyNot(outcome) ?? { outcome: "deleted" };
    },
  };
}

interface Found {
  readonly hub: Hub;
  readonly device: RegisteredDevice;
}

/** Problems: `hub-needed`, `unknown-hub`. */
export function hubOf(hubs: Hubs, name: string | undefined): Hub | Problem {
  const [only, ...others] = hubs.hostNames;
  if (name === undefined) {
    if (only !== undefined && others.length === 0) return hubs.hub(only);
    return problem(400, "hub-needed", "there are several hubs; say which one by ?hub=<host name>");
  }
  const hostName = HubHostName.safeParse(name.toLowerCase());
  return hostName.success && hubs.hostNames.includes(hostName.data)
    ? hubs.hub(hostName.data)
    : problem(404, "unknown-hub", "this app has no access to a hub of this name");
}

async function find(hubs: Hubs, { hub: name, deviceId: text }: DeviceAddress): Promise<Found | Problem> {
  const hub = hubOf(hubs, name);
  if (isProblem(hub)) return hub;
  const deviceId = DeviceId.safeParse(text);
  if (!deviceId.success)
    return problem(400, "invalid-device-id", "a device id has 1 to 128 letters, digits and -:.+%_#*?!(),=@;$'");
  const reading = await hub.readRegistered(deviceId.data);
  return reading.outcome === "found" ? { hub, device: reading.device } : unknownDevice();
}

/** The device in the version that the caller has read, unless a roll has it. */
async function findForChange(
  { hubs, targetClaims }: RegistryDeps,
  request: Omit<DeviceChange, "body">,
  { evenIfClaimed }: { readonly evenIfClaimed: boolean },
): Promise<Found | Problem> {
  const wanted = readIfMatch(request.ifMatch);
  if (isProblem(wanted)) return wanted;
  const found = await find(hubs, request);
  if (isProblem(found)) return found;
  if (found.device.etag !== wanted.etag) return etagChanged();
  // Rolls claim by registration id, which is what DPS calls the hub device unless an entry says otherwise.
  const id = RegistrationId.safeParse(found.device.deviceId.toLowerCase());
  if (evenIfClaimed || !id.success) return found;
  const holder = (await targetClaims.holders("device", [id.data])).get(id.data);
  return holder === undefined
    ? found
    : problem(409, "claimed-by-roll", `roll ${holder.rollId} has this device; wait for its end, or abort it`);
}

async function putNotes(
  { hubs, devices, clock }: RegistryDeps,
  request: Omit<DeviceChange, "body">,
  metadata: NonNullable<ChangeDevice["metadata"]>,
): Promise<DeviceView | Problem> {
  const wanted = readIfMatch(request.ifMatch);
  if (isProblem(wanted)) return wanted;
  const found = await find(hubs, request);
  if (isProblem(found)) return found;
  if (found.device.etag !== wanted.etag) return etagChanged();
  const { hub, device } = found;
  const { deviceId, generationId } = device;
  await devices.see([{ deviceId, generationId, hub: hub.hostName, at: clock.now() }]);
  const data: DeviceData | undefined = await devices.putMetadata(deviceId, metadata);
  return toDeviceView(hub.hostName, device, data);
}

export function toCreation(wanted: Omit<CreateDevice, "metadata">) {
  const { deviceId, status, statusReason, iotEdge } = wanted;
  const primaryThumbprint = wanted.primaryThumbprint.toUpperCase();
  return {
    deviceId: DeviceId.parse(deviceId),
    status,
    statusReason,
    primaryThumbprint,
    secondaryThumbprint: wanted.secondaryThumbprint?.toUpperCase() ?? primaryThumbprint,
    iotEdge,
  };
}

function toWrite({ status, statusReason, primaryThumbprint, secondaryThumbprint }: Omit<ChangeDevice, "metadata">) {
  return {
    ...(status === undefined ? {} : { status }),
    ...(statusReason === undefined ? {} : { statusReason: statusReason ?? undefined }),
    ...(primaryThumbprint === undefined ? {} : { primaryThumbprint: primaryThumbprint.toUpperCase() }),
    ...(secondaryThumbprint === undefined ? {} : { secondaryThumbprint: secondaryThumbprint?.toUpperCase() }),
  };
}

function bodyOf<T extends z.ZodType>(body: Uint8Array, schema: T) {
  return readJsonBody<z.output<T>>(body, MAX_REGISTRY_BYTES, schema as z.ZodType<z.output<T>>, "invalid-device");
}

function whyNot(outcome: IdentityWriteOutcome | { readonly outcome: "deleted" } | undefined): Problem | undefined {
  switch (outcome?.outcome) {
    case "written":
    case "deleted":
      return undefined;
    case "precondition-failed":
      return etagChanged();
    case "failed":
      return problem(422, "refused-by-hub", outcome.detail);
    case "missing":
    case undefined:
      return unknownDevice();
    default:
      return outcome satisfies never;
  }
}

function etagChanged(): Problem {
  return problem(412, "etag-changed", "the device was changed since you read it; read it again, decide again");
}

function unknownDevice(): Problem {
  return problem(404, "unknown-device", "the hub has no device of this id; ids are compared with regard to case");
}
