import type { LabClock } from "../clock";
import { identityKey, type Identity } from "./identity";
import type { HubStore } from "./store";
import type { HubSwitches } from "./switches";

/** Thumbprints that were replaced a moment ago and, if the switch says so, still open connections. */
export class ReplacedThumbprints {
  private readonly replaced = new Map<string, { thumbprint: string; until: number }[]>();

  constructor(
    store: HubStore,
    private readonly clock: LabClock,
    switches: HubSwitches,
  ) {
    store.onRegistryChange(({ before, after }) => {
      if (switches.replacedThumbprintGraceMs <= 0 || !before || !after) return;
      const key = identityKey(after.identity.deviceId, after.identity.moduleId);
      const { primaryThumbprint, secondaryThumbprint } = before.identity.authentication;
      const until = clock.now() + switches.replacedThumbprintGraceMs;
      const gone = [primaryThumbprint, secondaryThumbprint].filter((thumbprint) => thumbprint !== null);
      this.replaced.set(
        key,
        gone.map((thumbprint) => ({ thumbprint, until })),
      );
    });
  }

  stillAccepted(identity: Identity): string[] {
    const now = this.clock.now();
    const entries = this.replaced.get(identityKey(identity.deviceId, identity.moduleId)) ?? [];
    return entries.filter((entry) => entry.until > now).map((entry) => entry.thumbprint);
  }
}
