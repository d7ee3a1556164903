import { readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import { pemOf } from "./certificate-info";
import type { SharedAccessPolicy } from "./authorization";
import type { EnrollmentGroup, IndividualEnrollment, Registration } from "./entries";
import type { DpsStore } from "./store";

/** One JSON file. The records are this program's own, so only the frame is checked. */
interface Snapshot {
  readonly format: 1;
  readonly policies: readonly SharedAccessPolicy[];
  readonly enrollments: readonly IndividualEnrollment[];
  readonly groups: readonly EnrollmentGroup[];
  readonly registrations: readonly Registration[];
  readonly cas: readonly { readonly name: string; readonly pem: string; readonly isVerified: boolean }[];
}

const frame = z.looseObject({
  format: z.literal(1),
  policies: z.array(z.looseObject({ name: z.string(), key: z.string() })),
  enrollments: z.array(z.looseObject({ kind: z.literal("individual"), id: z.string() })),
  groups: z.array(z.looseObject({ kind: z.literal("group"), id: z.string() })),
  registrations: z.array(z.looseObject({ registrationId: z.string(), status: z.string() })),
  cas: z.array(z.object({ name: z.string(), pem: z.string(), isVerified: z.boolean() })),
});

/** Writes the state as a whole: a crash in between leaves the old file. */
export async function saveSnapshot(
  file: string,
  store: DpsStore,
  policies: readonly SharedAccessPolicy[],
): Promise<void> {
  const snapshot: Snapshot = {
    format: 1,
    policies,
    enrollments: [...store.enrollments.values()],
    groups: [...store.groups.values()],
    registrations: [...store.registrations.values()],
    cas: store.cas.list().map(({ name, certificate, isVerified }) => ({
      name,
      pem: pemOf(certificate),
      isVerified,
    })),
  };
  await writeFile(`${file}.new`, JSON.stringify(snapshot), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/**
 * Fills an empty store from a file and answers the policies; undefined when there is no file. Rejects when the file is
 * no snapshot. Registrations that were on their way to a hub have failed: nobody will finish them.
 */
export async function loadSnapshot(
  file: string,
  store: DpsStore,
  now: number,
): Promise<readonly SharedAccessPolicy[] | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const snapshot: unknown = JSON.parse(text);
  if (!isSnapshot(snapshot)) throw new Error(`${file} is no snapshot of the lab's DPS; delete it to start empty.`);
  for (const { name, pem, isVerified } of snapshot.cas) store.cas.seed(name, pem, isVerified);
  for (const entry of [...snapshot.groups, ...snapshot.enrollments]) store.putEntry(entry);
  for (const registration of snapshot.registrations) {
    store.putRegistration(
      registration.status === "assigning"
        ? { ...registration, status: "failed", errorCode: 500201, errorMessage: "Interrupted.", updatedAt: now }
        : registration,
    );
  }
  return snapshot.policies;
}

function isSnapshot(value: unknown): value is Snapshot {
  return frame.safeParse(value).success;
}
