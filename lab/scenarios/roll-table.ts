import type { Fleet } from "../fleet/fleet";
import type { KeyReport } from "../fleet/stolen-key";
import type { BreachFleet } from "./breach-fleet";
import type { Screen, TableView } from "./display";
import { painter } from "./display";
import type { StatedDevice } from "./evidence";
import type { RollStatus } from "./product";

/** What the live table of a breach roll is drawn from. */
export interface RollPicture {
  readonly elapsedMs: number;
  readonly roll: RollStatus | undefined;
  readonly stated: ReadonlyMap<string, StatedDevice>;
  readonly keys: readonly KeyReport[];
  readonly devices: BreachFleet;
}

/** The table of a running roll: what the product says, what the device does, what the stolen key still opens. */
export function rollTable(picture: RollPicture, screen: Screen): TableView {
  const colour = painter(screen);
  const { roll, stated, devices } = picture;
  const doorOf = (open: boolean, tried: boolean): string =>
    !tried ? "" : open ? colour("red", "open") : colour("green", "shut");
  const rows = devices.victims.map(({ registrationId, newThumbprint }) => {
    const state = stated.get(registrationId)?.state ?? "";
    const device = devices.fleet.device(registrationId).snapshot();
    const key = picture.keys.find((each) => each.registrationId === registrationId);
    const running = device.activeThumbprint === newThumbprint ? "new key" : "old key";
    return {
      key: registrationId,
      cells: [
        state === "proven" ? colour("green", state) : colour("yellow", state),
        device.offline ? colour("dim", "switched off") : device.connected ? `connected, ${running}` : "cut off",
        key === undefined ? "" : doorOf(key.dps.refusedSince === undefined, key.dps.tries > 0),
        key === undefined ? "" : doorOf(key.hub.refusedSince === undefined, key.hub.tries > 0),
        key === undefined || key.session.accepted === 0 ? "" : doorOf(key.holding, true),
      ],
    };
  });
  const counts = Object.entries(roll?.counts ?? {}).map(([state, count]) => `${count} ${state}`);
  return {
    title: colour(
      "bold",
      `${roll?.playbook ?? "roll"} ${roll?.rollId ?? ""}  ${(picture.elapsedMs / 1_000).toFixed(1)} s`,
    ),
    headings: ["device", "roll says", "device", "old key at DPS", "at the hub", "old session"],
    rows,
    footer: [
      `${roll?.phase ?? "not started"}: ${counts.length === 0 ? "nothing counted yet" : counts.join(", ")}`,
      `${connected(devices.fleet, devices)} of ${devices.bystanders.length} bystanders connected`,
    ],
  };
}

function connected(fleet: Fleet, { bystanders }: BreachFleet): number {
  return bystanders.filter(({ registrationId }) => fleet.device(registrationId).isConnected()).length;
}
