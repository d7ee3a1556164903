import type { OrderedDevice } from "../contract/alert";
import { RegistrationId } from "../domain/ids";
import type { RollTarget } from "../domain/roll/request";
import type { CertificateReader } from "../ports/certificates";

/** A device as alerts, orders and lists name it, in the one form that is kept. */
export function toTarget(certificates: CertificateReader, device: OrderedDevice): RollTarget {
  const { compromised, replacement, selfHeals, standbyLeaf, tag } = device;
  const old = compromised?.certificatePem;
  const oldReading = old === undefined ? undefined : certificates.readChain(old);
  return {
    registrationId: RegistrationId.parse(device.registrationId.toLowerCase()),
    compromisedSlots: compromised?.slots ?? ["primary", "secondary"],
    ...(oldReading?.outcome === "read" ? { compromisedPem: oldReading.chain.pem } : {}),
    replacement: cleanReplacement(certificates, replacement?.chainPem),
    ...(selfHeals === undefined ? {} : { selfHeals }),
    ...(standbyLeaf === undefined ? {} : { standbyLeaf }),
    ...(tag === undefined ? {} : { tag }),
  };
}

/**
 * Keeps the certificates and nothing else of the text: a private key is dropped here, before anything is stored, also one
 * that lost its label on the way and looks like mere noise between the blocks.
 */
function cleanReplacement(certificates: CertificateReader, chainPem: string | undefined): RollTarget["replacement"] {
  if (chainPem === undefined) return { kind: "none" };
  const reading = certificates.readChain(chainPem);
  switch (reading.outcome) {
    case "read":
      return { kind: "inline", chainPem: reading.chain.pem };
    case "private-key":
      return { kind: "discarded", code: "private-key-in-input" };
    case "unreadable":
      return { kind: "discarded", code: "certificate-unreadable" };
    default:
      return reading satisfies never;
  }
}
