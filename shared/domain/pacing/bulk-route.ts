/** What a containment costs the identity registry of a hub, per device: the hold and the release. */
const WRITES = 2;

/**
 * True if import jobs cut a fleet off sooner than single writes: those are metered by the minute, a job is not.
 * @param perSecond registry writes that rolls may make at the hub
 * @param jobSeconds what two exports and two imports take whatever the fleet's size, waiting for a place included
 */
export function isFasterInBulk(devices: number, perSecond: number, jobSeconds: number): boolean {
  return devices * WRITES > perSecond * jobSeconds;
}
