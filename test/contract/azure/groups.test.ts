import { labDpsStage, memoryDpsStage } from "../../support/dps-stages";
import { describeGroups } from "./groups-contract";

describeGroups("in memory", memoryDpsStage);
describeGroups("the SDKs against the lab's DPS", labDpsStage);
