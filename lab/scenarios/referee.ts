import { X509Certificate } from "node:crypto";
import { filled, keyOf } from "../dps/entries";
import { Matcher } from "../dps/matching";
import type { Fleet } from "../fleet/fleet";
import type { Dangling, DeviceNames, Knock, ServiceWrite, ShutOut, SlotsHeld, Trust } from "./evidence";
import type { LabServices } from "./lab-services";

/** Writes down what the services did and what they trusted, as long as a story plays. */
export interface Referee {
  readonly knocks: readonly Knock[];
  readonly writes: readonly ServiceWrite[];
  readonly dangling: readonly Dangling[];
  readonly slotsHeld: readonly SlotsHeld[];
  readonly shutOuts: readonly ShutOut[];
  readonly cuts: readonly { readonly deviceId: string; readonly at: number }[];
  stop(): void;
}

type Services = Pick<LabServices, "dps" | "hubs" | "faults">;

/** What the product writes; what devices, thieves and DPS itself write is not in it. */
const productWrites = /^dps\.(?:enrollment|group|ca|registration)\.|^hub\.(?:registry|twin|job)\./;
const lookEveryMs = 200;

/**
 * `watched`: devices that did nothing wrong; every 200 ms it is asked whether DPS would let them in with the key they
 * run on. Default: nobody.
 */
export function startReferee(
  services: Services,
  watched?: { readonly fleet: Fleet; readonly ids: readonly string[] },
): Referee {
  const { dps, hubs, faults } = services;
  const knocks: Knock[] = [];
  const writes: ServiceWrite[] = [];
  const dangling: Dangling[] = [];
  const slotsHeld: SlotsHeld[] = [];
  const cuts: { deviceId: string; at: number }[] = [];
  const shutOuts = new ShutOutWatch(services);
  const stops = [
    dps.store.attempts.onAttempt(({ at, registrationId, sha256Thumbprint, outcome }) => {
      const accepted = outcome === "accepted";
      knocks.push({ door: "dps", at, subject: registrationId, thumbprint: sha256Thumbprint, accepted });
    }),
    ...hubs.map(({ log }) =>
      log.onAttempt(({ at, deviceId, moduleId, sha256Thumbprint, outcome, reason }) => {
        if (moduleId !== undefined) return;
        if (outcome !== "dropped") {
          const accepted = outcome === "accepted";
          knocks.push({ door: "hub", at, subject: deviceId, thumbprint: sha256Thumbprint, accepted });
        } else if (!reason.startsWith(newConnection)) cuts.push({ deviceId, at });
      }),
    ),
    faults.observe(({ operation, subject, write }) => {
      if (!write || !productWrites.test(operation)) return;
      writes.push({ at: Date.now(), operation, subject });
      if (/^dps\.(?:group|ca)\./.test(operation)) dangling.push(...danglingGroups(services));
      if (operation.startsWith("dps.enrollment.")) slotsHeld.push(...heldBy(services, subject));
    }),
  ];
  const look = (): void => {
    for (const id of watched?.ids ?? []) shutOuts.look(id, watched?.fleet.device(id).presentedChain() ?? "");
  };
  const timer = setInterval(look, lookEveryMs);
  return {
    knocks,
    writes,
    dangling,
    slotsHeld,
    cuts,
    get shutOuts() {
      return shutOuts.list();
    },
    stop: () => {
      look();
      clearInterval(timer);
      for (const stop of stops) stop();
    },
  };
}

/** A device that connects anew ends its own older session. */
const newConnection = "400027";

/** Asks DPS's own rules whether a device would be let in, without a registration. */
class ShutOutWatch {
  private readonly matcher: Matcher;
  private readonly chains = new Map<string, readonly Buffer[]>();
  private readonly open = new Map<string, { from: number; reason: string }>();
  private readonly closed: ShutOut[] = [];

  constructor({ dps }: Services) {
    this.matcher = new Matcher(dps.store, dps.switches);
  }

  look(registrationId: string, chainPem: string): void {
    const now = Date.now();
    const verdict = this.matcher.judge(registrationId, this.decoded(chainPem), now);
    const before = this.open.get(registrationId);
    if (verdict.kind !== "accepted") {
      const reason = verdict.kind === "disabled" ? "its entry is disabled." : verdict.message;
      if (before === undefined) this.open.set(registrationId, { from: now, reason });
    } else if (before !== undefined) {
      this.open.delete(registrationId);
      this.closed.push({ registrationId, ...before, to: now });
    }
  }

  list(): ShutOut[] {
    return [...this.closed, ...[...this.open].map(([registrationId, since]) => ({ registrationId, ...since }))];
  }

  private decoded(chainPem: string): readonly Buffer[] {
    const known = this.chains.get(chainPem);
    if (known !== undefined) return known;
    const blocks = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    const decoded = blocks.map((pem) => new X509Certificate(pem).raw);
    this.chains.set(chainPem, decoded);
    return decoded;
  }
}

/** Nothing for a subject that is no enrollment (any more). */
function heldBy({ dps }: Services, subject: string): SlotsHeld[] {
  const entry = dps.store.enrollments.get(keyOf(subject));
  if (entry?.attestation.type !== "x509") return [];
  const thumbprints = filled(entry.attestation.clientCertificates).map(({ sha256Thumbprint }) => sha256Thumbprint);
  return [{ at: Date.now(), registrationId: entry.id, enabled: entry.provisioningStatus === "enabled", thumbprints }];
}

function danglingGroups({ dps }: Services): Dangling[] {
  return [...dps.store.groups.values()].flatMap(({ id, attestation }) => {
    if (attestation.type !== "x509") return [];
    return filled(attestation.caReferences).flatMap((caName): Dangling[] => {
      const ca = dps.store.cas.get(caName);
      if (ca?.isVerified === true) return [];
      return [{ at: Date.now(), groupId: id, caName, problem: ca === undefined ? "missing" : "unverified" }];
    });
  });
}

/** Every certificate that DPS or a hub trusts right now. */
export function allTrust({ dps, hubs }: Pick<Services, "dps" | "hubs">): Trust[] {
  const entries = [...dps.store.enrollments.values(), ...dps.store.groups.values()].flatMap((entry): Trust[] => {
    const { attestation, id } = entry;
    if (attestation.type !== "x509") return [];
    const held = [...filled(attestation.clientCertificates), ...filled(attestation.signingCertificates)];
    const named = filled(attestation.caReferences).flatMap((name) => dps.store.cas.get(name)?.info ?? []);
    const kind = entry.kind === "group" ? "group" : "enrollment";
    const enabled = entry.provisioningStatus === "enabled";
    return [...held, ...named].map((info) => ({ kind, owner: id, thumbprint: info.sha256Thumbprint, enabled }));
  });
  const authorities = dps.store.cas.list().map(({ name, info, isVerified }): Trust => ({
    kind: "ca",
    owner: name,
    thumbprint: info.sha256Thumbprint,
    enabled: isVerified,
  }));
  const identities = hubs.flatMap(({ store }) =>
    [...store.allDevices()].flatMap(({ identity }): Trust[] =>
      [identity.authentication.primaryThumbprint, identity.authentication.secondaryThumbprint].flatMap((thumbprint) =>
        thumbprint === null
          ? []
          : [{ kind: "identity", owner: identity.deviceId, thumbprint, enabled: identity.status === "enabled" }],
      ),
    ),
  );
  return [...entries, ...authorities, ...identities];
}

/** By device id: all of an identity and an enrollment that a roll could change, as one text. */
export function fingerprints(
  { dps, hubs }: Pick<LabServices, "dps" | "hubs">,
  devices: readonly DeviceNames[],
): Map<string, string> {
  return new Map(
    devices.map(({ deviceId, registrationId }) => {
      const identities = hubs.flatMap(({ store }) => {
        const record = store.device(deviceId);
        if (record === undefined) return [];
        const { generationId, version, status, authentication } = record.identity;
        return [{ generationId, version, status, authentication }];
      });
      return [deviceId, JSON.stringify([identities, dps.store.enrollments.get(keyOf(registrationId))?.etag])];
    }),
  );
}
