import type { Knock } from "./evidence";
import type { LabServices } from "./lab-services";

/** Writes down every knock at DPS and at the hub, as the services decided it. */
export interface Referee {
  readonly knocks: readonly Knock[];
  stop(): void;
}

export function startReferee({ dps, hub }: Pick<LabServices, "dps" | "hub">): Referee {
  const knocks: Knock[] = [];
  const stopDps = dps.store.attempts.onAttempt(({ at, registrationId, sha256Thumbprint, outcome }) => {
    const accepted = outcome === "accepted";
    knocks.push({ door: "dps", at, subject: registrationId, thumbprint: sha256Thumbprint, accepted });
  });
  const stopHub = hub.log.onAttempt(({ at, deviceId, sha256Thumbprint, outcome }) => {
    // The end of a session is nobody's knock.
    if (outcome === "dropped") return;
    const accepted = outcome === "accepted";
    knocks.push({ door: "hub", at, subject: deviceId, thumbprint: sha256Thumbprint, accepted });
  });
  return {
    knocks,
    stop: () => {
      stopDps();
      stopHub();
    },
  };
}

/** By device id: all of an identity and an enrollment that a roll could change, as one text. */
export function fingerprints(
  { dps, hub }: Pick<LabServices, "dps" | "hub">,
  ids: readonly string[],
): Map<string, string> {
  return new Map(
    ids.map((id) => {
      const { generationId, version, status, authentication } = hub.store.get(id).identity;
      const enrollment = dps.store.enrollments.get(id);
      return [id, JSON.stringify([generationId, version, status, authentication, enrollment?.etag])];
    }),
  );
}
