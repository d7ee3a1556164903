import { randomBytes } from "node:crypto";
import type { Registry } from "azure-iothub/dist/registry";
import { z } from "zod";
import { jobConditions } from "../../domain/hub/device-query";
import { DeviceId, Etag, ModuleId, type Sha256Thumbprint } from "../../domain/ids";
import type { HubModule, HubModules, ModuleName, ModuleWrite } from "../../ports/hub-modules";
import { authenticationType, readHubPage, saysDeviceMissing, x509Thumbprint } from "./hub-answers";
import type { HubContext } from "./hub-connection";
import { callSdk, readBySdk } from "./sdk-call";
import { toRollError, unreadable } from "./sdk-errors";

const ModuleRecord = z
  .object({
    deviceId: DeviceId,
    moduleId: ModuleId,
    etag: Etag,
    generationId: z.string(),
    managedBy: z.string().nullish(),
    authentication: z.object({ type: authenticationType, x509Thumbprint }),
  })
  .transform(({ authentication, managedBy, ...module }): HubModule => ({
    ...module,
    authentication: authentication.type,
    primaryThumbprint: authentication.x509Thumbprint?.primaryThumbprint,
    secondaryThumbprint: authentication.x509Thumbprint?.secondaryThumbprint,
    managedBy: managedBy ?? undefined,
  }));

const FoundModule = z.object({ deviceId: DeviceId, moduleId: ModuleId, authenticationType });

/** The modules of one hub's devices. */
export function hubModules({ registry, service, timeoutMs }: HubContext): HubModules {
  const guarded = async (work: () => Promise<void>): Promise<ModuleWrite> => {
    const answer = await callSdk(timeoutMs, work);
    if (answer.ok) return { outcome: "done" };
    const { status, code, detail } = answer.failure;
    if (status === 412) return { outcome: "precondition-failed" };
    const gone = saysDeviceMissing(answer.failure) || (status === 404 && /^(ModuleNotFound|404010)$/.test(code ?? ""));
    if (gone) return { outcome: "missing" };
    if (status === 400 || status === 409) return { outcome: "refused", detail };
    throw toRollError(service, answer.failure);
  };
  return {
    async find(deviceIds) {
      const found: ModuleName[] = [];
      for (const { condition } of jobConditions(deviceIds)) {
        const text = `SELECT deviceId, moduleId, authenticationType FROM devices.modules WHERE ${condition}`;
        let cursor: string | undefined;
        do {
          const page = await readHubPage(
            service,
            timeoutMs,
            (size) => registry.createQuery(text, size),
            cursor,
            (row) => {
              const read = FoundModule.safeParse(row);
              if (read.success) return read.data;
              throw unreadable(service, `module of a query: ${read.error.issues[0]?.path.join(".") ?? ""}`);
            },
          );
          for (const { authenticationType: type, ...name } of page.items) if (type !== "none") found.push(name);
          cursor = page.next;
        } while (cursor !== undefined);
      }
      return found;
    },

    async list(deviceId) {
      const answer = await readBySdk(timeoutMs, () => registry.getModulesOnDevice(deviceId));
      if (!answer.ok) {
        if (saysDeviceMissing(answer.failure)) return { outcome: "missing" };
        throw toRollError(service, answer.failure);
      }
      const read = z.array(ModuleRecord).safeParse(answer.value.responseBody);
      if (!read.success)
        throw unreadable(service, `modules of ${deviceId}: ${read.error.issues[0]?.path.join(".") ?? ""}`);
      return { outcome: "found", modules: read.data };
    },

    delete: ({ deviceId, moduleId, etag }) => guarded(() => removeGuarded(registry, { deviceId, moduleId, etag })),

    rotate: (module, thumbprints) => guarded(() => updateGuarded(registry, module, thumbprints)),
  };
}

/** All of the authentication is sent: what is left out becomes a shared key that the service, or the SDK, makes up. */
function updateGuarded(
  registry: Registry,
  { deviceId, moduleId, etag, managedBy, authentication }: HubModule,
  [primaryThumbprint, secondaryThumbprint]: readonly [Sha256Thumbprint, Sha256Thumbprint],
): Promise<void> {
  const credentials =
    authentication === "sas"
      ? { type: "sas", symmetricKey: { primaryKey: newKey(), secondaryKey: newKey() } }
      : { type: "selfSigned", x509Thumbprint: { primaryThumbprint, secondaryThumbprint } };
  type Module = Parameters<Registry["updateModule"]>[0];
  const module: unknown = { deviceId, moduleId, etag, managedBy: managedBy ?? null, authentication: credentials };
  return new Promise((resolve, reject) => {
    registry.updateModule(module as Module, false, (error?: Error | null) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** As long as the service's own. */
function newKey(): string {
  return randomBytes(32).toString("base64");
}

/**
 * The SDK guards a deletion only where it gets an object, of which it reads these three properties, and its promise form
 * fails for objects ("Argument 'done' cannot be falsy"): so the callback form is used.
 */
function removeGuarded(registry: Registry, module: Pick<HubModule, "deviceId" | "moduleId" | "etag">): Promise<void> {
  type Module = Exclude<Parameters<Registry["removeModule"]>[0], string>;
  return new Promise((resolve, reject) => {
    registry.removeModule(module as unknown as Module, (error?: Error | null) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
