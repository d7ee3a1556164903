import { crew, enroll, stolenFrom } from "../cast";
import { breachClaims } from "../claims/sets";
import type { Story } from "../story";
import { breachAlert } from "./orders";
import { theyAreBack } from "./cues";

export interface FirstRollSize {
  /** How many devices there are. */
  readonly devices: number;
  /** How many of them lose their keys. */
  readonly breached: number;
  /** How many of these are switched off while they are contained. */
  readonly offline: number;
}

/**
 * Some devices' keys were stolen, an alert says so, and Rollcall makes the old keys useless and proves that the devices
 * run on new ones, while a thief tries every door.
 */
export function firstRoll({ devices, breached, offline }: FirstRollSize): Story {
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
      const bystanders = crew({ name: "valve", size: devices - breached, issuer });
      enroll(world, [...rolled, ...bystanders]);
      return {
        rolled,
        bystanders,
        stolen: stolenFrom(rolled, ({ behaviour }) => behaviour?.offline === true),
      };
    },
    ask: ({ rolled }) => breachAlert(rolled),
    cues: offline === 0 ? [] : [theyAreBack],
    claims: breachClaims,
  };
}
