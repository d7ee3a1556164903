import type { Settings } from "../../config/settings";
import type { Authorities } from "../../ports/authorities";
import type { Clock } from "../../ports/clock";
import type { EnrollmentGroups } from "../../ports/enrollment-groups";
import type { Enrollments } from "../../ports/enrollments";
import type { Hubs } from "../../ports/hubs";
import type { Registrations } from "../../ports/registrations";
import { createAuthorities } from "./dps-authorities";
import { createEnrollments } from "./dps-enrollments";
import { createGroups } from "./dps-groups";
import { createRegistrations } from "./dps-registrations";
import { createHubs } from "./iot-hubs";
import { createTransport } from "./transport";

/** Azure as the ports see it. */
export interface Azure {
  readonly enrollments: Enrollments;
  readonly groups: EnrollmentGroups;
  readonly registrations: Registrations;
  readonly authorities: Authorities;
  readonly hubs: Hubs;
  /** Closes idle connections. */
  close(): void;
}

/** Connects the ports to the services that the settings name. Sends nothing yet. */
export function connectAzure(
  settings: Pick<Settings, "dps" | "dpsResourceId" | "hubs" | "loopback"> & {
    readonly timing: Pick<Settings["timing"], "callTimeoutMs">;
  },
  clock: Clock,
): Azure {
  const { callTimeoutMs } = settings.timing;
  const transport = createTransport({ timeoutMs: callTimeoutMs, loopback: settings.loopback });
  const dps = transport.dps(settings.dps);
  return {
    enrollments: createEnrollments(dps, callTimeoutMs),
    groups: createGroups(dps, callTimeoutMs),
    registrations: createRegistrations(dps, callTimeoutMs),
    authorities: createAuthorities(settings.dpsResourceId, transport),
    hubs: createHubs(
      settings.hubs.map((access) => ({ hostName: access.host, ...transport.hub(access) })),
      clock,
      callTimeoutMs,
    ),
    close: () => transport.close(),
  };
}
