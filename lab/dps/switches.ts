/**
 * What Azure leaves undocumented about DPS, or documents as "some time", as switches. The defaults are the likeliest
 * behaviour; a client has to be safe both ways. All may be changed while the service runs.
 */
export interface DpsSwitches {
  /** From the acceptance of a registration to the write in the hub, in milliseconds. */
  assignDelayMs: number;
  /** What an accepted registration and each `assigning` answer say a device has to wait; Azure says 3. */
  retryAfterSeconds: number;
  /** A PUT with If-Match on an id that does not exist. */
  ifMatchOnMissing: "404" | "412" | "creates";
  /** Whether a 429 of the service API carries Retry-After. */
  throttledRetryAfter: boolean;
  /** Whether a leaf or authority outside its validity is refused in a group. */
  expiredRefused: boolean;
  /** The same for the leaf that an individual enrollment holds. */
  expiredIndividualRefused: boolean;
  /** Whether `info` without a certificate may name a certificate that is in the other slot. */
  infoMayMoveSlots: boolean;
  /** Whether replacing a CA certificate under its name makes it unverified when the request does not say. */
  caReplacedLosesVerification: boolean;
  /** Whether a CA certificate that an enrollment refers to may be deleted. */
  deleteReferencedCa: "allowed" | "refused";
  /** From a change of a CA certificate in ARM to its effect on enrollments and registrations; Azure: seconds to minutes. */
  caPropagationMs: number;
  /** With `updateHubAssignment: false`, whether a registration still rewrites the thumbprint in the hub. */
  neverPolicyWritesThumbprint: boolean;
  /** What a bulk call costs of the operations quota. */
  bulkCost: "per-item" | "one";
  /** What the allocation webhook is told of the presented certificate. */
  webhookX509: "empty" | "info";
  /** How long the allocation webhook may take. */
  webhookTimeoutMs: number;
  /** A second group with a signing certificate or CA reference that a group already has. */
  groupWithUsedCa: "conflict" | "accepted";
  /** Whether the leaf's common name and the registration id are compared without case. */
  commonNameIgnoresCase: boolean;
  /** An enabled individual enrollment for the registration id that holds another leaf than the presented one. */
  otherLeafOfIndividual: "refused" | "falls-through";
  /** A change of the attestation type of an existing enrollment. */
  attestationTypeChange: "refused" | "accepted";
  /** Whether a registration accepted before an enrollment changed is still written to the hub afterwards. */
  inFlightSurvivesChange: boolean;
  /** Whether the first registration under another entry (a pin, say) keeps the twin; needs `migrateDeviceData`. */
  newEntryKeepsTwin: boolean;
  /** Whether the query for a group's registrations still lists devices that now register individually. */
  groupListsPinned: boolean;
  /** Whether deleting an individual enrollment takes its registration record along. */
  deleteIndividualRemovesRegistration: boolean;
  /** How "Invalid certificate." reaches an MQTT client: at CONNECT, or as the answer to its registration. */
  mqttInvalidCertificate: "connack-5" | "res-401";
  /** The documented throttles; off by default, because tests and demonstrations would wait minutes. */
  quotas: DpsQuotaSwitches;
}

/** The throttles as a whole; the numbers are those that Microsoft documents. */
export interface DpsQuotaSwitches {
  enabled: boolean;
  /** How many times faster than documented the quotas refill. */
  timeScale: number;
  /** Calls of the service API that a minute allows, also as a burst; Microsoft raises it on request. */
  operationsPerMinute: number;
  /** The same for registrations. */
  registrationsPerMinute: number;
}

/** A fresh set of the defaults. */
export function defaultSwitches(): DpsSwitches {
  return {
    assignDelayMs: 200,
    retryAfterSeconds: 3,
    ifMatchOnMissing: "404",
    throttledRetryAfter: false,
    expiredRefused: true,
    expiredIndividualRefused: true,
    infoMayMoveSlots: false,
    caReplacedLosesVerification: true,
    deleteReferencedCa: "allowed",
    caPropagationMs: 500,
    neverPolicyWritesThumbprint: false,
    bulkCost: "per-item",
    webhookX509: "empty",
    webhookTimeoutMs: 5_000,
    groupWithUsedCa: "conflict",
    commonNameIgnoresCase: true,
    otherLeafOfIndividual: "refused",
    attestationTypeChange: "refused",
    inFlightSurvivesChange: true,
    newEntryKeepsTwin: true,
    groupListsPinned: false,
    deleteIndividualRemovesRegistration: true,
    mqttInvalidCertificate: "connack-5",
    quotas: { enabled: false, timeScale: 1, operationsPerMinute: 1_000, registrationsPerMinute: 1_000 },
  };
}
