import type { Fleet } from "../fleet/fleet";
import type { KeyReport } from "../fleet/stolen-key";
import type { Screen, TableView } from "./display";
import { painter } from "./display";
import type { StatedDevice } from "./evidence";
import type { RollStatus } from "./product";
import type { Cast } from "./story";

/** What the live table of a roll is drawn from. */
export interface RollPicture {
  readonly elapsedMs: number;
  readonly roll: RollStatus | undefined;
  readonly stated: ReadonlyMap<string, StatedDevice>;
  readonly keys: readonly KeyReport[];
  readonly cast: Cast;
  readonly fleet: Fleet;
}

/** Of a larger fleet only devices with a stolen key have a row. */
const rowsAtMost = 100;

/** The table of a running roll: what the product says, what the device does, what the stolen key still opens. */
export function rollTable(picture: RollPicture, screen: Screen): TableView {
  const colour = painter(screen);
  const { roll, stated, cast, fleet, keys } = picture;
  const doorOf = (open: boolean | undefined): string =>
    open === undefined ? "" : open ? colour("red", "open") : colour("green", "shut");
  const robbed = new Set(keys.map(({ registrationId }) => registrationId));
  const shown = cast.rolled.filter(
    ({ registrationId }) => cast.rolled.length <= rowsAtMost || robbed.has(registrationId),
  );
  const rows = shown.map(({ registrationId, active }) => {
    const state = stated.get(registrationId)?.state ?? "";
    const device = fleet.device(registrationId).snapshot();
    const own = keys.filter((key) => key.registrationId === registrationId);
    const running = device.activeThumbprint === active.sha256Thumbprint ? "old key" : "new key";
    const sessions = own.filter(({ session }) => session.accepted > 0);
    return {
      key: registrationId,
      cells: [
        state === "proven" ? colour("green", state) : colour("yellow", state),
        device.offline ? colour("dim", "switched off") : device.connected ? `connected, ${running}` : "cut off",
        doorOf(isOpen(own.map(({ dps }) => dps))),
        doorOf(isOpen(own.map(({ hub }) => hub))),
        doorOf(sessions.length === 0 ? undefined : sessions.some(({ holding }) => holding)),
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
      `${connected(fleet, cast)} of ${cast.bystanders.length} bystanders connected`,
    ],
  };
}

/** Whether any key still opens it; undefined when none was tried. */
function isOpen(doors: readonly KeyReport["dps"][]): boolean | undefined {
  const tried = doors.filter(({ tries }) => tries > 0);
  return tried.length === 0 ? undefined : tried.some(({ refusedSince }) => refusedSince === undefined);
}

function connected(fleet: Fleet, { bystanders }: Cast): number {
  return bystanders.filter(({ registrationId }) => fleet.device(registrationId).isConnected()).length;
}
