import { defaultSwitches } from "../../../lab/dps/switches";
import { defaultEventHubsSwitches } from "../../../lab/event-hubs/switches";
import { defaultHubSwitches } from "../../../lab/iot-hub/switches";
import { readLabCommand } from "../../../lab/cli/lab-options";
import { allSwitches, readSwitches } from "../../../lab/cli/switches";

test("with nothing said, every switch has its service's own default", () => {
  expect(readSwitches([])).toEqual({
    dps: defaultSwitches(),
    hub: defaultHubSwitches,
    hubQuotas: { enabled: false, tier: "S1", units: 1, timeScale: 1 },
    events: defaultEventHubsSwitches,
  });
});

test("words, numbers and booleans arrive as what the service takes; the last one wins", () => {
  const read = readSwitches([
    "dps.assignDelayMs=500",
    "dps.ifMatchOnMissing=412",
    "hub.dropSessionOnDisable=true",
    "hub.dropSessionOnDisable=false",
    "hub.x509AuthMethodType=a=b",
    "hub.quotas.tier=S3",
    "events.duplicateEvery=3",
  ]);
  expect(read.dps).toMatchObject({ assignDelayMs: 500, ifMatchOnMissing: "412", bulkCost: "per-item" });
  expect(read.hub).toMatchObject({ dropSessionOnDisable: false, x509AuthMethodType: "a=b" });
  expect(read.hubQuotas.tier).toBe("S3");
  expect(read.events.duplicateEvery).toBe(3);
});

test.each([
  ["dps.assignDelayMs=soon", "a whole number from 0"],
  ["dps.assignDelayMs=-1", "a whole number from 0"],
  ["dps.assignDelayMs=", "a whole number from 0"],
  ["dps.assignDelayMs=true", "a whole number from 0"],
  ["dps.quotas.timeScale=0", "a number from 0.001"],
  ["hub.connackRefused=0", "1 | 2 | 3 | 4 | 5"],
  ["hub.quotas.units=1.5", "a whole number from 1 to 200"],
  ["hub.dropSessionOnDisable=no", "true | false"],
])("%s is refused with what it may be", (text, allowed) => {
  expect(() => readSwitches([text])).toThrow(`It may be: ${allowed}.`);
});

test("a name without a value is refused with an example", () => {
  expect(() => readSwitches(["dps.assignDelayMs"])).toThrow("dps.assignDelayMs=200");
});

test("every default may be said on the command line", () => {
  for (const { name, otherwise } of allSwitches()) expect(() => readSwitches([`${name}=${otherwise}`])).not.toThrow();
});

test("--quotas is the throttles of both services, and a switch says it more exactly", () => {
  const command = readLabCommand(["--quotas", "--time-scale", "60", "--switch", "hub.quotas.timeScale=2"]);
  expect(command).toMatchObject({
    run: {
      switches: {
        dps: { quotas: { enabled: true, timeScale: 60 } },
        hubQuotas: { enabled: true, timeScale: 2 },
      },
    },
  });
});

test("the port base leaves room for all the hubs below 65,536", () => {
  expect(readLabCommand(["--port-base", "65433", "--hubs", "46"])).toMatchObject({ ask: "run" });
  expect(() => readLabCommand(["--port-base", "65434", "--hubs", "46"])).toThrow("to 65433, not '65434'.");
});
