import { playsOut } from "../../support/stories";

playsOut(
  "individual-breach",
  "individual-breach-both-slots",
  "individual-breach-no-new-leaf",
  "individual-breach-no-self-heal",
);
