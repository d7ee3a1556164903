import { playsOut } from "../../support/stories";

describe("old keys are made useless by deleting identities", () => {
  playsOut("individual-breach-delete");
});

describe("devices are trusted to change over by themselves, for so long", () => {
  playsOut("individual-breach-reprovision");
});

describe("a breach comes in the middle of an expiry roll", () => {
  playsOut("individual-breach-during-expiry");
});
