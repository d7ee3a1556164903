import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startEntra } from "../entra/server";
import type { Entra, Person } from "../entra/server";
import { spawnHost } from "../functions-host/host";
import type { SpawnOptions } from "../functions-host/host";
import type { CertificateAuthority } from "../pki/certificates";
import type { HubSwitches } from "../iot-hub/switches";
import { authoritiesOf, newHierarchy, writeAuthority } from "./hierarchy";
import type { Hierarchy } from "./hierarchy";
import { startLabServices } from "./lab-services";
import type { LabServices } from "./lab-services";
import { productAt } from "./product";
import type { Product } from "./product";
import { connectionStringNeedle, privateKeyNeedle, searchForSecrets } from "./secrets";
import type { Needle } from "./secrets";
import type { Story } from "./story";

export interface StageOptions {
  /** What will be played on it, one after another: they need the same settings. */
  readonly stories: readonly Pick<Story, "name" | "hubs" | "settings" | "provable">[];
  readonly hubSwitches?: Partial<HubSwitches>;
  /** `on`: the host runs every turn twice and stops at known traps, as tests want it. Default `off`, as in Azure. */
  readonly guards?: SpawnOptions["guards"];
  /** Settings of the app over those of the lab and the stories, once the lab runs. Default: none. */
  readonly settings?: (services: LabServices) => Promise<Readonly<Record<string, string>>>;
  /** Root of the app, where package.json is; its `dist/` must be built. Default: the working directory. */
  readonly appDir?: string;
}

/** Azure on this machine, the app in a host, and a directory of people who may use it. */
export interface Stage {
  readonly services: LabServices;
  readonly entra: Entra;
  /** As an operator sees it; approvals are another person's. */
  readonly product: Product;
  /** Where the app answers. */
  readonly url: string;
  /**
   * Variables for whoever wants to use the app by hand: `APP` (its URL), `SECRET` (signs alerts), and access tokens for a day
   * of `OLGA`, who operates, `ANNA`, who approves, and `SOC`, which sends alerts; `KEY`, the file of the public key that its
   * reports are signed for.
   */
  variables(): Record<string, string>;
  /** Of the app's host; what runs the app are its children. */
  readonly hostPid: number;
  /** The authorities of a story that was named when the stage was set. @throws Error for another one. */
  hierarchyOf(story: Pick<Story, "name">): Hierarchy;
  /** Looks for these secrets, and for the lab's own, wherever the product may have left them. */
  searchForSecrets(needles: readonly Needle[]): Promise<{ leaks: string[]; placesSearched: number }>;
  /** What the host told, oldest first. */
  readonly hostLog: readonly string[];
  stop(): Promise<void>;
}

/** Two persons, because who asks for a roll may not approve it; `alerts` is a service that may send alerts. */
const people: Readonly<Record<"operator" | "approver" | "alerts", Person>> = {
  operator: { name: "Olga Operator", roles: ["Rollcall.Reader", "Rollcall.Operator"] },
  approver: { name: "Anna Approver", roles: ["Rollcall.Reader", "Rollcall.Operator", "Rollcall.Approver"] },
  alerts: { name: "Security operations", roles: ["Rollcall.Trigger"] },
};
const dayMs = 86_400_000;

/** Rejects, with all it had started stopped, when the lab or the product cannot start. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { stories } = options;
  const folder = await mkdtemp(join(tmpdir(), "rollcall-lab-"));
  const cleanup: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const end of cleanup.splice(0).reverse()) await end();
  };
  try {
    const services = await startLabServices({
      hubEvents: true,
      folder,
      hubs: Math.max(...stories.map(({ hubs }) => hubs ?? 1)),
      // Devices poll soon, so that the picture shows Rollcall's own pace and not the three seconds of Azure's answer.
      dpsSwitches: { retryAfterSeconds: 0.2 },
      hubSwitches: options.hubSwitches ?? {},
    });
    cleanup.push(() => services.stop());
    const entra = await startEntra();
    cleanup.push(() => entra.stop());
    const hierarchies = new Map(stories.map(({ name }) => [name, newHierarchy(name)]));
    const provable = stories.flatMap((story) => {
      const hierarchy = hierarchies.get(story.name);
      return hierarchy === undefined ? [] : (story.provable?.(hierarchy) ?? [hierarchy.nextRoot]);
    });

    const secret = randomBytes(24).toString("hex");
    const evidence = await evidenceKey(folder);
    const storeFile = join(folder, "functions-host.db");
    const hostLog: string[] = [];
    const host = await spawnHost({
      appDir: resolve(options.appDir ?? "."),
      port: 0,
      storeFile,
      settings: {
        ...services.settings(secret),
        ...(await signers(folder, services, provable)),
        ROLLCALL_EVIDENCE_KEY: JSON.stringify({ kind: "file", keyFile: evidence.keyFile }),
        ROLLCALL_OPERATORS: JSON.stringify({
          issuer: entra.issuer,
          audience: entra.audience,
          jwksUrl: entra.jwksUrl,
        }),
        ...Object.fromEntries(stories.flatMap(({ settings }) => Object.entries(settings ?? {}))),
        ...(await options.settings?.(services)),
      },
      guards: options.guards ?? "off",
      log: ({ level, category, text }) => hostLog.push(`${level} ${category} ${text}`),
    });
    cleanup.push(() => host.stop());

    return {
      services,
      entra,
      url: host.url,
      hostPid: host.pid,
      product: productAt(host.url, secret, (who) => entra.token(people[who])),
      hostLog,
      variables: () => {
        const token = (who: keyof typeof people): string => entra.token(people[who], { expiresInMs: dayMs });
        return {
          APP: host.url,
          SECRET: secret,
          OLGA: token("operator"),
          ANNA: token("approver"),
          SOC: token("alerts"),
          KEY: evidence.publicFile,
        };
      },
      hierarchyOf: ({ name }) => {
        const found = hierarchies.get(name);
        if (found === undefined) throw new Error(`The stage was not set for ${name}.`);
        return found;
      },
      searchForSecrets: (needles) =>
        searchForSecrets({
          storageConnectionString: services.azurite.connectionString,
          files: [storeFile, `${storeFile}-wal`],
          texts: new Map([["the host's log", hostLog.join("\n")]]),
          needles: [
            ...needles,
            privateKeyNeedle("The key that signs reports", evidence.privateKeyPem),
            ...needlesOf(services, secret, [...hierarchies.values()]),
          ],
        }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Settings: who signs what devices ask for, and who can prove to own the CAs that are to come. */
async function signers(
  folder: string,
  services: LabServices,
  provable: readonly CertificateAuthority[],
): Promise<Record<string, string>> {
  const issuer = await writeAuthority(folder, "issuer", services.issuer);
  const files = await Promise.all(provable.map((ca, index) => writeAuthority(folder, `next-${index}`, ca)));
  return {
    ROLLCALL_ISSUER: JSON.stringify({ kind: "file-ca", ...issuer }),
    ROLLCALL_CA_SIGNERS: JSON.stringify(files.map((file) => ({ kind: "file-ca", ...file }))),
  };
}

/** What reports are signed with, and what they are checked with. */
async function evidenceKey(
  folder: string,
): Promise<{ readonly keyFile: string; readonly publicFile: string; readonly privateKeyPem: string }> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const files = { keyFile: join(folder, "evidence.key"), publicFile: join(folder, "evidence.pem") };
  await writeFile(files.keyFile, privateKeyPem, { mode: 0o600 });
  await writeFile(files.publicFile, publicKey.export({ type: "spki", format: "pem" }));
  return { ...files, privateKeyPem };
}

function needlesOf(services: LabServices, webhookSecret: string, hierarchies: readonly Hierarchy[]): Needle[] {
  return [
    ...hierarchies.flatMap((hierarchy) =>
      authoritiesOf(hierarchy).map(({ commonName, privateKeyPem }) =>
        privateKeyNeedle(`The private key of ${commonName}`, privateKeyPem),
      ),
    ),
    privateKeyNeedle("The private key of the lab's issuer", services.issuer.privateKeyPem),
    connectionStringNeedle("The access key of DPS", services.dps.connectionString),
    ...services.hubs.map(({ hostName, connectionString }) =>
      connectionStringNeedle(`The access key of ${hostName}`, connectionString),
    ),
    connectionStringNeedle("The access key of Event Hubs", services.events.connectionString()),
    { what: "The webhook secret", fragments: [webhookSecret] },
  ];
}
