import { crew, enroll } from "../cast";
import type { Crew, SlotsOf } from "../cast";
import { expiryClaims } from "../claims/sets";
import { issueLeaf } from "../../pki/certificates";
import type { Cast, Story, World } from "../story";
import { inState } from "./cues";
import { devicesScope, expiring, order } from "./orders";

/** 20 pumps whose leaves run out, and 4 valves that have nothing to do with it. */
function ageing(story: string, world: World, options: Partial<Crew> = {}, slots?: SlotsOf): Cast {
  const { issuer } = world.services;
  const rolled = crew({ name: `${story}-pump`, size: 20, issuer, nextIssuer: issuer, onOfficialSdk: 1, ...options });
  const bystanders = crew({ name: `${story}-valve`, size: 4, issuer });
  enroll(world, rolled, slots);
  enroll(world, bystanders);
  return { rolled, bystanders };
}

const inWaves: Story = {
  name: "individual-expiry",
  summary: "20 leaves run out: a dry run, two canaries, a pause; 3 devices cannot be rolled and keep what they have",
  rehearsed: true,
  canary: 2,
  cast: (world) => {
    const cast = ageing("individual-expiry", world, {
      leftOut: [
        { why: "switched off", behaviour: { offline: true } },
        { why: "refuses", behaviour: { refuses: true } },
        { why: "keeps its old key", behaviour: { keepsOldKey: true } },
      ],
    });
    // Some make it harder without being in the way of it.
    const rolled = cast.rolled.map((player, index) =>
      index === 5
        ? { ...player, behaviour: { slowMs: 500 } }
        : index === 6
          ? { ...player, behaviour: { rebootsInMidRoll: true } }
          : player,
    );
    return { ...cast, rolled };
  },
  ask: ({ rolled }) =>
    order("individual-expiry", devicesScope(rolled.map(expiring)), {
      waves: {
        kind: "canary",
        canary: { count: 2 },
        percents: [50],
        // The three that cannot be rolled must not stop the others here; that a brake stops them is another story.
        rules: { successThreshold: 0, errorThreshold: 1 },
      },
      deadlineSeconds: 45,
    }),
  cues: [
    {
      say: "the canaries are proven: somebody pauses the roll",
      when: (picture) => inState(picture, "proven", "retired") >= 2,
      act: ({ command }) => command("pause"),
    },
    {
      say: "the roll goes on",
      when: ({ sinceLastCueMs }) => sinceLastCueMs > 4_000,
      act: ({ command }) => command("resume"),
    },
  ],
  thief: "after the end",
  patienceMs: 90_000,
  claims: [
    ...expiryClaims,
    "left-out-listed",
    "left-out-keep-their-trust",
    "canaries-first",
    "nothing-while-paused",
    "dry-run-writes-nothing",
    "plan-told-it",
  ],
};

const alternateSlot: Story = {
  name: "individual-expiry-alternate-slot",
  summary: "20 leaves in the secondary slot run out; the primary one holds leaves that expired long ago, or nothing",
  cast: (world) => {
    const expired = (registrationId: string) =>
      issueLeaf({
        commonName: registrationId,
        issuer: world.services.issuer,
        notBefore: new Date(Date.now() - 86_400_000),
        notAfter: new Date(Date.now() - 3_600_000),
      });
    return ageing("individual-expiry-alternate-slot", world, {}, ({ registrationId, active }) => ({
      secondary: active,
      ...(registrationId < "individual-expiry-alternate-slot-pump-011" ? { primary: expired(registrationId) } : {}),
    }));
  },
  ask: ({ rolled }) => order("individual-expiry", devicesScope(rolled.map(expiring))),
  thief: "after the end",
  claims: expiryClaims,
};

const csr: Story = {
  name: "individual-expiry-csr",
  summary: "20 leaves run out; each device makes a new key and a request, and a CA signs it",
  cast: (world) => {
    const cast = ageing("individual-expiry-csr", world);
    return { ...cast, rolled: cast.rolled.map(({ next: _, ...player }) => player) };
  },
  ask: ({ rolled }) => order("individual-expiry", devicesScope(rolled.map(expiring)), { replacement: { kind: "csr" } }),
  thief: "after the end",
  claims: expiryClaims,
};

const expiresMeanwhile = 25_000;

const retireLater: Story = {
  name: "individual-expiry-retire-after-not-after",
  summary: "20 leaves run out in seconds; the devices are rolled at once, the old leaves go once they have expired",
  cast: (world) =>
    ageing("individual-expiry-retire-after-not-after", world, { notAfter: new Date(Date.now() + expiresMeanwhile) }),
  ask: ({ rolled }) =>
    order("individual-expiry", devicesScope(rolled.map(expiring)), { retire: { when: "old-expired" } }),
  cues: [
    {
      say: "the old leaves have expired and are out of their slots",
      when: ({ trust, cast }) => {
        const old = new Set(cast.rolled.map(({ active }) => active.sha256Thumbprint));
        return !trust().some(({ kind, thumbprint }) => kind === "enrollment" && old.has(thumbprint));
      },
      act: () => undefined,
    },
  ],
  thief: "after the end",
  claims: [...expiryClaims, "old-trust-kept-until-expiry"],
};

export const individualExpiries: readonly Story[] = [inWaves, alternateSlot, csr, retireLater];
