import { playsOutWithin } from "../../support/stories";

describe("a compromised CA of more devices than single writes could cut off in time", () => {
  playsOutWithin(900_000, "group-breach-import-job");
});
