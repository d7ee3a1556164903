import { labTarget, liveSettings, liveTarget, type DpsTarget } from "../../support/lab-dps-target";
import { authorityContract } from "./authority-contract";
import { deviceContract } from "./device-contract";
import { enrollmentContract } from "./enrollment-contract";

/**
 * What every client of DPS may rely on, through the official SDKs. Runs against the lab, and against a real instance
 * when ROLLCALL_LIVE_DPS and its companions name one: both have to pass, or the lab is wrong.
 */
function dpsContract(connect: () => Promise<DpsTarget>): void {
  let connected: DpsTarget | undefined;
  const target = () => {
    if (!connected) throw new Error("The target is there only while tests run.");
    return connected;
  };
  beforeAll(async () => {
    connected = await connect();
  });
  afterAll(() => connected?.close());
  enrollmentContract(target);
  authorityContract(target);
  deviceContract(target);
}

describe("the lab's DPS", () => {
  dpsContract(labTarget);
});

const live = liveSettings();
(live ? describe : describe.skip)("a real DPS", () => {
  dpsContract(() => (live ? Promise.resolve(liveTarget(live)) : Promise.reject(new Error("not set"))));
});
