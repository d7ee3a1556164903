import { playsOut } from "../../support/stories";

describe("a CA of a group runs out", () => {
  playsOut("group-expiry-root", "group-expiry-intermediate");
});
