import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startAttacker } from "../fleet/attacker";
import type { Attacker } from "../fleet/attacker";
import { spawnHost } from "../functions-host/host";
import { breachAlert, startBreachFleet } from "./breach-fleet";
import type { BreachFleet } from "./breach-fleet";
import { judgeBreach } from "./claims";
import type { Screen } from "./display";
import type { BreachEvidence, Claim } from "./evidence";
import { rollTimings } from "./exposure";
import type { RollTimings } from "./exposure";
import { labHubHostName, startLabServices } from "./lab-services";
import type { LabServices } from "./lab-services";
import { applyMutants } from "./mutants";
import type { Mutants } from "./mutants";
import { peakMemoryMb } from "./memory";
import { productAt } from "./product";
import type { Product, RollStatus } from "./product";
import { fingerprints, startReferee } from "./referee";
import { connectionStringNeedle, privateKeyNeedle, searchForSecrets } from "./secrets";
import { breachSummary } from "./summary";
import { watchRoll } from "./watch-roll";

export interface FirstRollOptions {
  readonly screen: Screen;
  /** Keeps everything running after the summary until this resolves; default: ends by itself. */
  readonly until?: Promise<void>;
  /** Default 40, of which 25 are breached, 2 of these switched off while they are contained. */
  readonly devices?: number;
  readonly breached?: number;
  readonly offline?: number;
  readonly mutants?: Mutants;
  /** `on`: the host runs every turn twice and stops at known traps, as tests want it. Default `off`, as in Azure. */
  readonly guards?: "on" | "off";
  /** Root of the app, where package.json is; its `dist/` must be built. Default: the working directory. */
  readonly appDir?: string;
  /** Milliseconds after the alert at which an unfinished roll is judged as it is. Default 60,000. */
  readonly patienceMs?: number;
  /** Milliseconds for which the thief goes on after the end of the roll. Default 1,500. */
  readonly afterwardsMs?: number;
}

export interface FirstRollResult {
  readonly claims: readonly Claim[];
  /** Whether every claim holds. */
  readonly ok: boolean;
  readonly timings: RollTimings & { readonly totalMs: number };
  readonly roll: RollStatus | undefined;
  readonly evidence: BreachEvidence;
  /** Orchestration turns that the host had run when the roll ended. */
  readonly hostTurns: number;
  /** The most memory that this process and all it started ever had, in MB. */
  readonly peakMemoryMb: number;
}

/** As `LabServices.settings` sets them. */
const holdMs = 200;
const settleMs = 500;

/**
 * The first roll: some devices' keys were stolen, an alert says so, and Rollcall makes the old keys useless and proves
 * that the devices run on new ones, while a thief tries every door. Rejects when the lab or the product cannot start.
 */
export async function runFirstRoll(options: FirstRollOptions): Promise<FirstRollResult> {
  const { screen, mutants = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), "rollcall-lab-"));
  const cleanup: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const begun = Date.now();
  const say = (line: string): void =>
    screen.print(`${((Date.now() - begun) / 1_000).toFixed(1).padStart(5)} s  ${line}`);
  try {
    const services = await startLabServices({
      folder,
      // Devices poll soon, so that the picture shows Rollcall's own pace and not the three seconds of Azure's answer.
      dpsSwitches: { retryAfterSeconds: 0.2 },
      hubSwitches: { dropSessionOnDisable: mutants.sessionsSurvive !== true },
    });
    cleanup.push(() => services.stop());
    say("Azure on this machine: DPS, IoT Hub, Event Hubs and storage are up");

    const secret = randomBytes(24).toString("hex");
    const storeFile = join(folder, "functions-host.db");
    const hostLog: string[] = [];
    const hostStarts = spawnHost({
      appDir: resolve(options.appDir ?? "."),
      port: 0,
      storeFile,
      settings: services.settings(secret),
      guards: options.guards ?? "off",
      log: ({ level, category, text }) => hostLog.push(`${level} ${category} ${text}`),
    });
    cleanup.push(async () => (await hostStarts.catch(() => undefined))?.stop());

    const devices = startBreachFleet(services, {
      total: options.devices ?? 40,
      breached: options.breached ?? 25,
      onOfficialSdk: 1,
    });
    cleanup.push(() => devices.fleet.stop());
    const host = await hostStarts;
    say(`the Functions host runs the app at ${host.url}`);
    await devices.fleet.connected();
    say(
      `${devices.fleet.devices.length} devices are connected, each with a key of its own; pump-001 runs on Microsoft's device SDKs`,
    );

    const run = await rollUnderAttack(options, {
      services,
      devices,
      product: productAt(host.url, secret),
      say,
      cleanup,
    });
    const secrets = await searchForSecrets({
      storageConnectionString: services.azurite.connectionString,
      files: [storeFile, `${storeFile}-wal`],
      texts: new Map([["the host's log", hostLog.join("\n")]]),
      needles: needlesOf(services, devices, secret),
    });
    const evidence = { ...run.evidence, ...secrets };
    const claims = judgeBreach(evidence);
    const context = { holdMs, settleMs, statusUrl: run.statusUrl, totalMs: run.totalMs };
    for (const line of breachSummary(evidence, claims, context, screen)) screen.print(line);
    if (options.until !== undefined) {
      screen.print("Everything stays up, the thief included. Ctrl-C ends it.");
      await options.until;
    }
    return {
      claims,
      ok: claims.every(({ holds }) => holds),
      timings: { ...rollTimings(evidence), totalMs: run.totalMs },
      roll: run.roll,
      evidence,
      hostTurns: run.hostTurns,
      peakMemoryMb: peakMemoryMb("self"),
    };
  } finally {
    for (const end of cleanup.reverse()) await end();
  }
}

interface Stage {
  readonly services: LabServices;
  readonly devices: BreachFleet;
  readonly product: Product;
  readonly say: (line: string) => void;
  readonly cleanup: (() => Promise<unknown>)[];
}

interface Run {
  readonly evidence: Omit<BreachEvidence, "leaks" | "placesSearched">;
  readonly roll: RollStatus | undefined;
  readonly statusUrl: string;
  readonly totalMs: number;
  readonly hostTurns: number;
}

async function rollUnderAttack(options: FirstRollOptions, stage: Stage): Promise<Run> {
  const { services, devices, product, say } = stage;
  const referee = startReferee(services);
  const switchedOff = devices.victims.slice(-(options.offline ?? 2)).map(({ registrationId }) => registrationId);
  for (const registrationId of switchedOff) devices.fleet.device(registrationId).goOffline();
  const attacker = startAttacker({
    dial: services.dial,
    idScope: services.dps.idScope,
    keys: devices.victims.map(({ registrationId, active }) => ({
      registrationId,
      hubHostName: labHubHostName,
      credential: active,
      hold: switchedOff.includes(registrationId),
    })),
  });
  stage.cleanup.push(() => attacker.stop());
  await attacker.holding();
  await everyKeyWorks(attacker);
  await devices.fleet.connected();
  say(`a thief has ${devices.victims.length} of the keys, every one works, and ${switchedOff.length} sessions are his`);
  applyMutants(services, options.mutants ?? {});

  const bystanderIds = devices.bystanders.map(({ deviceId }) => deviceId);
  const bystandersBefore = fingerprints(services, bystanderIds);
  const alertAt = Date.now();
  const alert = breachAlert(`IR-${randomUUID().slice(0, 8)}`, devices.victims, new Date(alertAt));
  const answer = await product.postAlert(alert);
  const { rollId } = answer;
  if (rollId === undefined) throw new Error(`The alert was answered ${answer.status}: ${answer.problem ?? ""}`);
  const again = await product.postAlert(alert);
  say(`the alert is posted; ${product.statusUrl(rollId)}`);

  const patienceMs = options.patienceMs ?? 60_000;
  const { screen } = options;
  const watched = await watchRoll({
    rollId,
    product,
    devices,
    attacker,
    alertAt,
    patienceMs,
    switchedOff,
    screen,
    say,
  });
  const totalMs = Date.now() - alertAt;
  const hostTurns = await product.hostTurns();
  await new Promise((done) => setTimeout(done, options.afterwardsMs ?? 1_500));
  referee.stop();
  const actedTwice = devices.fleet.devices.flatMap((device) =>
    device
      .attempts()
      .filter(({ acts }) => acts > 1)
      .map(({ rollId: of, attemptId }) => `Attempt ${attemptId} of roll ${of} at ${device.registrationId}`),
  );
  return {
    roll: watched.roll,
    statusUrl: product.statusUrl(rollId),
    totalMs,
    hostTurns,
    evidence: {
      breached: devices.victims,
      bystanders: devices.bystanders,
      alertAt,
      endedAt: Date.now(),
      stated: watched.stated,
      knocks: referee.knocks,
      keys: attacker.report(),
      bystandersBefore,
      bystandersAfter: fingerprints(services, bystanderIds),
      actedTwice,
      repeatedAlert: { status: again.status, sameRoll: again.rollId === rollId },
    },
  };
}

/** Before the alert every stolen key opens both doors; otherwise a refusal later would show nothing. */
async function everyKeyWorks(attacker: Attacker): Promise<void> {
  const works = (): boolean => attacker.report().every(({ dps, hub }) => dps.accepted > 0 && hub.accepted > 0);
  const giveUpAt = Date.now() + 30_000;
  while (!works()) {
    if (Date.now() > giveUpAt)
      throw new Error("Not every stolen key works before the alert: the lab is not set up right.");
    await new Promise((done) => setTimeout(done, 50));
  }
}

function needlesOf(services: LabServices, devices: BreachFleet, webhookSecret: string) {
  return [
    ...[...devices.privateKeys].flatMap(([id, keys]) =>
      keys.map((key) => privateKeyNeedle(`A private key of ${id}`, key)),
    ),
    connectionStringNeedle("The access key of DPS", services.dps.connectionString),
    connectionStringNeedle("The access key of the hub", services.hub.connectionString),
    connectionStringNeedle("The access key of Event Hubs", services.events.connectionString()),
    { what: "The webhook secret", fragments: [webhookSecret] },
  ];
}
