import { z } from "zod";
import { DeviceId, ModuleId, type HubHostName } from "../ids";
import type { GatheredLine } from "./records";

const Text = z
  .string()
  .nullish()
  .transform((text) => (text ? text : undefined));
const Thumbprint = Text.transform((text) => text?.toUpperCase());

/** A line of an identity registry's export, as far as an inventory needs it (Microsoft docs: iot-hub-bulk-identity-mgmt). */
const ExportLine = z.object({
  id: DeviceId,
  moduleId: Text.pipe(ModuleId.optional()),
  status: z.enum(["enabled", "disabled"]).nullish(),
  authentication: z.object({
    type: z.enum(["selfSigned", "certificateAuthority", "sas", "none"]),
    x509Thumbprint: z.object({ primaryThumbprint: Thumbprint, secondaryThumbprint: Thumbprint }).nullish(),
  }),
});

/** What an export says of a device or a module; undefined for a line that does not have the documented form. */
export function readExportLine(hub: HubHostName, text: string): GatheredLine | undefined {
  const read = ExportLine.safeParse(parseJson(text)).data;
  if (read === undefined) return undefined;
  const { id: deviceId, moduleId, status, authentication } = read;
  const { primaryThumbprint, secondaryThumbprint } = authentication.x509Thumbprint ?? {};
  const credentials = {
    authentication: authentication.type,
    ...(primaryThumbprint === undefined ? {} : { primaryThumbprint }),
    ...(secondaryThumbprint === undefined ? {} : { secondaryThumbprint }),
  };
  return moduleId === undefined
    ? { kind: "identity", identity: { hub, deviceId, status: status ?? "enabled", ...credentials } }
    : { kind: "module", module: { hub, deviceId, moduleId, ...credentials } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
