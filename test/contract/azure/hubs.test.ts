import { labHubStage, memoryHubStage } from "../../support/hub-stages";
import { describeHubs } from "./hubs-contract";

describeHubs("in memory", memoryHubStage);
describeHubs("the SDKs against the lab's hub", labHubStage);
