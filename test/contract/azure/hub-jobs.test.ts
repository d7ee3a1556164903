import { labHubAndStorageStage, memoryHubStage } from "../../support/hub-stages";
import { describeHubJobs } from "./hub-jobs-contract";

describeHubJobs("in memory", memoryHubStage);
describeHubJobs("the SDKs against the lab's hub and Azurite", labHubAndStorageStage);
