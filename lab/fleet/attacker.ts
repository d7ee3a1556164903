import { sign } from "node:crypto";
import { realClock } from "../clock";
import type { LabClock } from "../clock";
import { leafFacts } from "./credential";
import type { Dialer } from "./dialer";
import { signedText } from "./roll-report";
import { Slots } from "./slots";
import { defaultAttackTiming, KeyAttack } from "./stolen-key";
import type { AttackTiming, KeyReport, OverheardMethod, StolenKey } from "./stolen-key";
import type { DeviceMessage } from "./transport";

export interface AttackerOptions {
  readonly keys: readonly StolenKey[];
  readonly dial: Dialer;
  readonly idScope: string;
  readonly timing?: Partial<AttackTiming>;
  /** How many handshakes are under way at a time, all keys together. Default 3: the thief shares the lab's cores. */
  readonly concurrency?: number;
  /** Milliseconds to wait for an answer. Default 10,000. */
  readonly timeoutMs?: number;
  readonly clock?: LabClock;
}

export interface ForgedReport {
  readonly registrationId: string;
  readonly rollId: string;
  readonly attemptId: string;
  readonly nonce: string;
  /** The new leaf, which is no secret: the thief names it, and has not its key. */
  readonly newChainPem: string;
}

/**
 * Holds every stolen key and its leaf, and does not give up: keeps sessions of chosen devices open, registers with DPS
 * over connections made while it was still welcome, and tries the hub again and again, most densely while doors close.
 */
export interface Attacker {
  report(): KeyReport[];
  /** Resolves when a session is held with every key that is to hold one. */
  holding(): Promise<void>;
  /** Claims over a surviving session, signed by the OLD key, that the device is connected with the new leaf. */
  forgeReport(report: ForgedReport): Promise<void>;
  /** Sends any message over a surviving session. @throws Error when no session is held with that key. */
  send(registrationId: string, message: DeviceMessage): Promise<void>;
  /** The direct methods that reached a held session of that device, oldest first. */
  methods(registrationId: string): readonly OverheardMethod[];
  stop(): Promise<void>;
}

const lookEveryMs = 20;

export function startAttacker(options: AttackerOptions): Attacker {
  const clock = options.clock ?? realClock;
  const shared = {
    dial: options.dial,
    idScope: options.idScope,
    clock,
    timing: { ...defaultAttackTiming, ...options.timing },
    handshakes: new Slots(options.concurrency ?? 3),
    timeoutMs: options.timeoutMs ?? 10_000,
  };
  const attacks = options.keys.map((key) => new KeyAttack(key, shared));
  const attackWith = (registrationId: string): KeyAttack => {
    const found = attacks.find(({ key }) => key.registrationId === registrationId);
    if (found === undefined) throw new Error(`No key of ${registrationId} was stolen.`);
    return found;
  };
  return {
    report: () => attacks.map((attack) => attack.report()),
    holding: async () => {
      while (attacks.some((attack) => attack.key.hold === true && !attack.report().holding)) {
        await new Promise<void>((resolve) => clock.after(lookEveryMs, resolve));
      }
    },
    send: (registrationId, message) => attackWith(registrationId).send(message),
    forgeReport: (forged) => {
      const attack = attackWith(forged.registrationId);
      return attack.send(forgedMessage(forged, attack.key));
    },
    methods: (registrationId) => attackWith(registrationId).methods(),
    stop: async () => {
      await Promise.all(attacks.map((attack) => attack.stop()));
    },
  };
}

function forgedMessage({ newChainPem, registrationId, ...claimed }: ForgedReport, key: StolenKey): DeviceMessage {
  const { sha256Thumbprint, notAfter } = leafFacts(newChainPem);
  const text = signedText({ ...claimed, deviceId: key.deviceId ?? registrationId });
  return {
    properties: { messageType: "rollReport" },
    contentType: "application/json",
    body: JSON.stringify({
      ...claimed,
      phase: "connected",
      chainPem: newChainPem,
      sha256Thumbprint,
      notAfter: notAfter.toISOString(),
      signature: sign("sha256", Buffer.from(text), key.credential.privateKeyPem).toString("base64"),
    }),
  };
}
