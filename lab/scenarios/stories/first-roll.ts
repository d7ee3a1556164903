import { crew, enroll, groupBySigningCertificate, stolenFrom } from "../cast";
import { breachClaims } from "../claims/sets";
import type { Player, Story, World } from "../story";
import { breachAlert } from "./orders";
import { theyAreBack } from "./cues";

export interface FirstRollSize {
  /** How many devices there are. */
  readonly devices: number;
  /** How many of them lose their keys. */
  readonly breached: number;
  /** How many of these are switched off while they are contained. */
  readonly offline: number;
  /** How many of those who keep their keys come in through the enrollment group `line-7`. Default 0. */
  readonly inGroup?: number;
}

/** Meters below a CA of their own, which one group trusts. */
function lineSeven(world: World, size: number): Player[] {
  if (size === 0) return [];
  world.services.dps.store.addVerifiedCa(world.root.certificatePem, "root-2024");
  groupBySigningCertificate(world, "line-7", world.intermediate);
  return crew({ name: "meter", size, issuer: world.intermediate });
}

/**
 * Some devices' keys were stolen, an alert says so, and Rollcall makes the old keys useless and proves that the devices
 * run on new ones, while a thief tries every door.
 */
export function firstRoll({ devices, breached, offline, inGroup = 0 }: FirstRollSize): Story {
  return {
    name: "first-roll",
    summary: `${breached} of ${devices} devices lose their keys to a thief; an alert rolls them onto new ones (${offline} are switched off at first)`,
    thief: "from the start",
    cast: (world) => {
      const { issuer } = world.services;
      const on = crew({ name: "pump", size: breached, issuer, nextIssuer: issuer, onOfficialSdk: 1 });
      const rolled = on.map((player, index) =>
        index < breached - offline ? player : { ...player, behaviour: { offline: true } },
      );
      const valves = crew({ name: "valve", size: devices - breached - inGroup, issuer });
      enroll(world, [...rolled, ...valves]);
      return {
        rolled,
        bystanders: [...valves, ...lineSeven(world, inGroup)],
        stolen: stolenFrom(rolled, ({ behaviour }) => behaviour?.offline === true),
      };
    },
    ask: ({ rolled }) => breachAlert(rolled),
    cues: offline === 0 ? [] : [theyAreBack],
    claims: breachClaims,
  };
}
