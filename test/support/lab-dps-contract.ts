import type { ProvisioningServiceClient } from "azure-iot-provisioning-service";
import type { DpsTarget } from "./lab-dps-target";

/** An individual enrollment as the official client has it. */
export type Enrollment = Parameters<ProvisioningServiceClient["createOrUpdateIndividualEnrollment"]>[0];
type Group = Parameters<ProvisioningServiceClient["createOrUpdateEnrollmentGroup"]>[0];
type Bulk = Parameters<ProvisioningServiceClient["runBulkEnrollmentOperation"]>[0];

/** A target that is there once the tests run. */
export type TargetInTests = () => DpsTarget;

// The SDK's typings ask for fields that the service fills in, and its mode names have another case than the service's:
// these are the bodies that the service takes.

/** Creates or updates an individual enrollment. */
export async function putEnrollment(target: DpsTarget, body: object): Promise<Enrollment> {
  return (await target.service.createOrUpdateIndividualEnrollment(body as Enrollment)).responseBody;
}

/** Creates or updates an enrollment group. */
export async function putGroup(target: DpsTarget, body: object): Promise<Group> {
  return (await target.service.createOrUpdateEnrollmentGroup(body as Group)).responseBody;
}

/** The promise form of the SDK never settles. */
export function runBulk(target: Pick<DpsTarget, "service">, operation: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    target.service.runBulkEnrollmentOperation(operation as Bulk, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}
