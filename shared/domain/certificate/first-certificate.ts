const END = "-----END CERTIFICATE-----\n";

/** The first certificate of clean PEM text, as `Chain.pem` has it: each block ends in a newline. */
export function firstCertificate(pem: string): string {
  return pem.slice(0, pem.indexOf(END) + END.length);
}
