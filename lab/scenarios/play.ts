import { rm } from "node:fs/promises";
import { writeEnvFile } from "../cli/env-file";
import { startFleet } from "../fleet/fleet";
import type { DeviceSpec, Fleet } from "../fleet/fleet";
import { memoryDialer } from "../fleet/memory-dialer";
import { sdkTransport } from "../fleet/sdk-transport";
import { judge } from "./claims/judge";
import type { Claim, Evidence } from "./evidence";
import { rollTimings } from "./exposure";
import type { RollTimings } from "./exposure";
import { peakMemoryMb } from "./memory";
import { Performance, until } from "./performance";
import type { PerformanceOptions } from "./performance";
import type { RollStatus } from "./product";
import { privateKeyNeedle } from "./secrets";
import { setStage } from "./stage";
import type { Stage, StageOptions } from "./stage";
import type { Cast, Story, World } from "./story";
import { rollSummary } from "./summary";

export interface PlayOptions extends PerformanceOptions {
  /** Keeps everything running after the summary; default: ends by itself. */
  readonly stay?: Stay;
}

/** How long a story's stage stands after its end, and where it is told how to use it. */
export interface Stay {
  readonly until: Promise<void>;
  /** Variables for a shell (`. FILE`): those of the stage, and `ROLL`, the roll that was played. Removed at the end. */
  readonly envFile: string;
}

export interface Played {
  readonly claims: readonly Claim[];
  /** Whether every claim holds. */
  readonly ok: boolean;
  readonly timings: RollTimings & { readonly totalMs: number };
  readonly roll: RollStatus | undefined;
  readonly evidence: Evidence;
  /** Orchestration turns that the host had run when the roll ended. */
  readonly hostTurns: number;
  /** The most memory that this process and all it started ever had, in MB. */
  readonly peakMemoryMb: number;
}

/** Plays a story on a stage of its own. Rejects when the lab or the product cannot start. */
export async function playAlone(
  story: Story,
  options: PlayOptions & Pick<StageOptions, "guards" | "appDir">,
): Promise<Played> {
  const stage = await setStage({
    stories: [story],
    hubSwitches: { dropSessionOnDisable: options.mutants?.sessionsSurvive !== true },
    ...(options.guards === undefined ? {} : { guards: options.guards }),
    ...(options.appDir === undefined ? {} : { appDir: options.appDir }),
  });
  try {
    return await play(story, stage, options);
  } finally {
    await stage.stop();
  }
}

/** Plays a story on a stage that was set for it, and leaves the stage standing. Rejects when an order is refused. */
export async function play(story: Story, stage: Stage, options: PlayOptions): Promise<Played> {
  const begun = Date.now();
  const say = (line: string): void =>
    options.screen.print(`${((Date.now() - begun) / 1_000).toFixed(1).padStart(5)} s  ${line}`);
  const cleanup: (() => unknown)[] = [];
  try {
    say(`${story.name}: ${story.summary}`);
    const world: World = { ...stage.hierarchyOf(story), services: stage.services };
    const cast = story.cast(world);
    const fleet = assemble(story, cast, stage);
    cleanup.push(() => fleet.stop());
    const arrived = (): boolean => fleet.devices.every((device) => device.isConnected());
    const patienceMs = 60_000 + 50 * fleet.devices.length;
    await until(arrived, "Not every device could connect: the lab is not set up right.", patienceMs);
    const off = cast.rolled.filter(({ behaviour }) => behaviour?.offline === true);
    for (const { registrationId } of off) fleet.device(registrationId).goOffline();
    const official = cast.rolled.filter(({ onOfficialSdk }) => onOfficialSdk === true).length;
    say(
      `${fleet.devices.length} devices are connected, each with a key of its own; ${official} on Microsoft's device SDKs`,
    );

    const performance = new Performance(story, stage, options, { world, cast, fleet, say, cleanup });
    const run = await performance.run();
    const secrets = await stage.searchForSecrets(needlesOf(cast));
    const evidence: Evidence = { ...run.evidence, ...secrets };
    const claims = judge(evidence, story.claims);
    const timings = { ...rollTimings(evidence), totalMs: run.totalMs };
    const statusUrl = stage.product.statusUrl(run.rollId);
    for (const line of rollSummary({ story, evidence, claims, timings, statusUrl }, options.screen))
      options.screen.print(line);
    const ok = claims.every(({ holds }) => holds);
    if (!ok) for (const line of complaints(stage.hostLog)) options.screen.print(line);
    if (options.stay !== undefined) {
      const { until, envFile } = options.stay;
      await writeEnvFile(envFile, { ...stage.variables(), ROLL: run.rollId });
      cleanup.push(() => rm(envFile, { force: true }));
      options.screen.print(`To use it yourself, in another terminal: . ${envFile}`);
      options.screen.print("Everything stays up, the thief included. Ctrl-C ends it.");
      await until;
    }
    return {
      claims,
      ok,
      timings,
      roll: run.roll,
      evidence,
      hostTurns: run.hostTurns,
      peakMemoryMb: peakMemoryMb("self"),
    };
  } finally {
    for (const end of cleanup.reverse()) await end();
  }
}

function assemble(story: Story, cast: Cast, { services }: Stage): Fleet {
  const official = sdkTransport({ dial: services.dial, idScope: services.dps.idScope });
  const devices = [...cast.rolled, ...cast.bystanders].map((player): DeviceSpec => {
    const { registrationId, active, next, hasNext, behaviour, onOfficialSdk } = player;
    return {
      registrationId,
      active,
      ...(next === undefined || hasNext === false ? {} : { standby: next }),
      ...(behaviour === undefined ? {} : { behaviour: { ...behaviour, offline: false } }),
      ...(onOfficialSdk === true ? { transport: official } : {}),
    };
  });
  const timing = story.timing === undefined ? {} : { timing: story.timing };
  return story.connections === "memory"
    ? startFleet({ dps: services.fleet.dps, dial: memoryDialer(services), devices, startWidth: 200, ...timing })
    : startFleet({ ...services.fleet, devices, ...timing });
}

const complaintsTold = 10;

/** The last errors and warnings of the app, for whoever wants to know why a claim is broken. */
function complaints(log: readonly string[]): string[] {
  const found = log.filter((line) => /^(?:warn|error|critical)/i.test(line));
  if (found.length === 0) return [];
  return ["", "What the app's log complained of last", ...found.slice(-complaintsTold).map((line) => `  ${line}`)];
}

function needlesOf(cast: Cast) {
  return [...cast.rolled, ...cast.bystanders].flatMap(({ registrationId, active, next, alsoOld }) =>
    [active, ...(next === undefined ? [] : [next]), ...(alsoOld ?? [])].map(({ privateKeyPem }) =>
      privateKeyNeedle(`A private key of ${registrationId}`, privateKeyPem),
    ),
  );
}
