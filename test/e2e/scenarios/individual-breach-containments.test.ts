import { playsOut } from "../../support/stories";

describe("old keys are made useless by deleting identities", () => {
  playsOut("individual-breach-delete");
});
