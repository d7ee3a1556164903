import type { Registry } from "azure-iothub/dist/registry";
import { z } from "zod";
import { DeviceId, Etag, ModuleId } from "../../domain/ids";
import type { HubModule, HubModules } from "../../ports/hub-modules";
import { authenticationType, saysDeviceMissing, x509Thumbprint } from "./hub-answers";
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

/** The modules of one hub's devices. */
export function hubModules({ registry, service, timeoutMs }: HubContext): HubModules {
  return {
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

    async delete({ deviceId, moduleId, etag }) {
      const answer = await callSdk(timeoutMs, () => removeGuarded(registry, { deviceId, moduleId, etag }));
      if (answer.ok) return { outcome: "deleted" };
      const { status, code, detail } = answer.failure;
      if (status === 412) return { outcome: "precondition-failed" };
      const gone =
        saysDeviceMissing(answer.failure) || (status === 404 && /^(ModuleNotFound|404010)$/.test(code ?? ""));
      if (gone) return { outcome: "missing" };
      if (status === 400 || status === 409) return { outcome: "refused", detail };
      throw toRollError(service, answer.failure);
    },
  };
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
