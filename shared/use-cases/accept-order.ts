import { MAX_ORDER_BYTES, RollOrder } from "../contract/roll-order";
import type { Principal } from "../domain/operator";
import { EnrollmentGroupId, type RollId } from "../domain/ids";
import { addMs, parseInstant, type Instant } from "../domain/instant";
import { problem, type Problem } from "../domain/outcome";
import { isBreach, isGroupRoll } from "../domain/roll/playbook";
import type { GroupScope, RollRequest, RollTiming } from "../domain/roll/request";
import type { Calendar } from "../ports/calendar";
import type { CertificateReader, Chain } from "../ports/certificates";
import type { Clock, Waiter } from "../ports/clock";
import type { EnrollmentGroups } from "../ports/enrollment-groups";
import type { Enrollments } from "../ports/enrollments";
import type { RollStarter } from "../ports/starter";
import { toTarget } from "../steps/ordered-device";
import { answeredInTime, findUnknown } from "./find-unknown";
import { readJsonBody } from "./json-body";
import { findStarted, startRoll, type StartName, type StartRollDeps } from "./start-roll";

export interface AcceptOrderDeps extends StartRollDeps {
  readonly clock: Clock;
  readonly waiter: Waiter;
  readonly calendar: Pick<Calendar, "problem">;
  readonly certificates: CertificateReader;
  readonly enrollments: Enrollments;
  readonly groups: Pick<EnrollmentGroups, "get">;
  readonly timing: Omit<RollTiming, "deadline"> & { readonly deadlineMs: number };
}

export type OrderAnswer =
  | Problem
  | { readonly outcome: "accepted"; readonly rollId: RollId; readonly unknown: readonly string[] }
  /** The same order again: the roll it started. */
  | { readonly outcome: "known"; readonly rollId: RollId };

/** The source under which operators' orders are claimed. */
const SOURCE = "api";

/**
 * Turns an operator's order into one roll, started once per Idempotency-Key. Nothing here ever writes to DPS or a hub.
 *
 * Problems: `payload-too-large`, `malformed-json`, `invalid-order`, `invalid-window`, `invalid-idempotency-key`,
 * `scope-does-not-fit`, `duplicate-device`, `unknown-device`, `unknown-group`, `unknown-list`, `private-key-in-input`,
 * `certificate-unreadable`, `alert-id-reused`.
 */
export function createAcceptOrder(
  deps: AcceptOrderDeps,
): (
  order: { readonly body: Uint8Array; readonly idempotencyKey: string | undefined; readonly by: Principal },
  starter: RollStarter,
) => Promise<OrderAnswer> {
  return async ({ body, idempotencyKey, by }, starter) => {
    if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,200}$/.test(idempotencyKey))
      return problem(
        400,
        "invalid-idempotency-key",
        "Idempotency-Key must be 1 to 200 printable characters, no spaces",
      );
    const read = readJsonBody(body, MAX_ORDER_BYTES, RollOrder, "invalid-order");
    if (read.outcome === "problem") return read;
    const order = read.value;
    const odd = oddity(order) ?? duplicate(order) ?? unreadableWindow(deps.calendar, order);
    if (odd !== undefined) return odd;

    const id = idempotencyKey ?? deps.entropy.randomHex(16);
    const name: StartName = { source: SOURCE, id, body: read.text };
    const earlier = await findStarted(deps, name);
    if (earlier !== undefined) return earlier.outcome === "accepted" ? { ...earlier, unknown: [] } : earlier;

    const known = await look(deps, order);
    if ("outcome" in known) return known;
    const request = toRequest(deps, order, { by, id, now: deps.clock.now(), unknown: new Set(known.unknown) });
    if ("outcome" in request) return request;
    const answer = await startRoll(deps, starter, name, request);
    return answer.outcome === "accepted" ? { ...answer, unknown: known.unknown } : answer;
  };
}

/** What the shape alone cannot say. */
function oddity({ playbook, scope, containment, modules, compromisedSince }: RollOrder): Problem | undefined {
  const misfit = (detail: string): Problem => problem(422, "scope-does-not-fit", detail);
  if (isGroupRoll(playbook) !== (scope.kind === "group"))
    return misfit(
      isGroupRoll(playbook)
        ? `${playbook} rolls an enrollment group: give scope {"kind": "group"}`
        : `${playbook} rolls individual enrollments: give scope {"kind": "devices"} or {"kind": "list"}`,
    );
  if (!isBreach(playbook) && [containment, modules, compromisedSince].some((given) => given !== undefined))
    return misfit("containment, modules and compromisedSince belong to a breach; leave them out");
  if (scope.kind !== "group") return undefined;
  if (containment === "reprovision" && scope.authority !== "leaf")
    return misfit("after a CA breach whoever holds the CA can re-provision as well; choose another containment");
  if (scope.devices !== undefined && scope.authority !== "leaf" && !isBreach(playbook))
    return misfit("devices of a group can be named where their leaves are rolled (authority leaf), or after a breach");
  if (scope.successor !== undefined && scope.authority === "leaf")
    return misfit("a roll of leaves has no successor CA; leave it out");
  return undefined;
}

function duplicate({ scope }: RollOrder): Problem | undefined {
  if (scope.kind === "list") return undefined;
  const ids = (scope.devices ?? []).map(({ registrationId }) => registrationId.toLowerCase());
  const seen = new Set<string>();
  const twice = ids.find((id) => seen.size === seen.add(id).size);
  return twice === undefined
    ? undefined
    : problem(400, "duplicate-device", `"${twice}" is listed twice (ids are compared without case); list each once`);
}

function unreadableWindow(calendar: AcceptOrderDeps["calendar"], { windows = [] }: RollOrder): Problem | undefined {
  const issues = windows.flatMap((window, at) => {
    const message = calendar.problem(window);
    return message === undefined ? [] : [{ path: `windows.${at}`, message }];
  });
  if (issues.length === 0) return undefined;
  return problem(400, "invalid-window", "a maintenance window can never open, or cannot be read; see issues", issues);
}

/** Whether DPS knows what the order names; what DPS cannot say in time is found out by the roll. */
async function look(deps: AcceptOrderDeps, { scope }: RollOrder): Promise<Problem | { readonly unknown: string[] }> {
  switch (scope.kind) {
    case "devices": {
      const unknown = await findUnknown(
        deps,
        scope.devices.map(({ registrationId }) => registrationId),
      );
      if (unknown.length < scope.devices.length) return { unknown };
      const some = unknown.slice(0, 5).join(", ");
      return problem(
        404,
        "unknown-device",
        `DPS has an individual enrollment for none of them (${some}); check the ids`,
      );
    }
    case "list":
      return (await deps.blobs.readLines(scope.blob, undefined)) === undefined
        ? problem(404, "unknown-list", `there is no blob "${scope.blob}" in the app's container; upload it first`)
        : { unknown: [] };
    case "group": {
      const asked = deps.groups.get(EnrollmentGroupId.parse(scope.groupId));
      const missing = (await answeredInTime(deps.waiter, asked)) && (await asked).outcome === "missing";
      return missing
        ? problem(404, "unknown-group", `DPS has no enrollment group "${scope.groupId}"; check the id`)
        : { unknown: [] };
    }
    default:
      return scope satisfies never;
  }
}

function toRequest(
  { certificates, timing: { deadlineMs, ...timing } }: AcceptOrderDeps,
  order: RollOrder,
  o: { readonly by: Principal; readonly id: string; readonly now: Instant; readonly unknown: ReadonlySet<string> },
): RollRequest | Problem {
  const { playbook, scope, replacement, containment, modules, dispatch, approval, dryRun, retire, waves } = order;
  const group = scope.kind === "group" ? toGroup(certificates, order, scope) : undefined;
  if (group !== undefined && "outcome" in group) return group;
  const devices = scope.kind === "list" ? [] : (scope.devices ?? []);
  const targets = devices
    .map((device) => toTarget(certificates, device))
    .filter(({ registrationId }) => !o.unknown.has(registrationId));
  const since = order.compromisedSince === undefined ? undefined : parseInstant(order.compromisedSince);
  const wished = order.deadlineHours === undefined ? deadlineMs : order.deadlineHours * 3_600_000;
  return {
    playbook,
    source: SOURCE,
    alertId: o.id,
    requestedBy: o.by.name,
    reason: certificates.readChain(order.reason).outcome === "private-key" ? REMOVED : order.reason,
    requestedAt: o.now,
    ...(since === undefined ? {} : { compromisedSince: since }),
    targets,
    ...(scope.kind === "list" ? { list: { blob: scope.blob } } : {}),
    ...(group === undefined ? {} : { group }),
    ...(replacement === undefined ? {} : { replacement: replacement.kind }),
    ...(containment === undefined ? {} : { containment }),
    ...(modules === undefined ? {} : { modules }),
    ...(dispatch === undefined ? {} : { dispatch }),
    ...(approval === undefined ? {} : { approval }),
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(retire === undefined ? {} : { retire }),
    ...(waves === undefined ? {} : { waves }),
    ...times(order),
    timing: { ...timing, deadline: addMs(o.now, wished) },
  };
}

const REMOVED = "(removed: the text held a private key)";

function times({ windows = [], freezes = [] }: RollOrder): Pick<RollRequest, "times"> {
  if (windows.length === 0 && freezes.length === 0) return {};
  const read = freezes.flatMap(({ from, until, reason }) => {
    const [start, end] = [parseInstant(from), parseInstant(until)];
    return start === undefined || end === undefined ? [] : [{ from: start, until: end, reason }];
  });
  return { times: { windows, freezes: read } };
}

/**
 * A successor that is no certificate, or comes with a private key, stops an order for expiry. A breach is contained all the
 * same: the successor is dropped and the roll says why.
 */
function toGroup(
  certificates: CertificateReader,
  { playbook }: RollOrder,
  scope: Extract<RollOrder["scope"], { kind: "group" }>,
): GroupScope | Problem {
  const { groupId, authority, compromised, successor } = scope;
  const reading = successor?.chainPem === undefined ? undefined : certificates.readChain(successor.chainPem);
  const discarded =
    reading === undefined || reading.outcome === "read"
      ? undefined
      : reading.outcome === "private-key"
        ? "private-key-in-input"
        : "certificate-unreadable";
  if (discarded !== undefined && !isBreach(playbook)) return problem(400, discarded, WHY[discarded]);
  const named = (compromised?.certificatePems ?? []).flatMap((pem): Chain[] => {
    const read = certificates.readChain(pem);
    return read.outcome === "read" ? [read.chain] : [];
  });
  // Certificates that are named stand for themselves, wherever the group holds them.
  const slots = compromised?.slots ?? (named.length > 0 ? undefined : (["primary", "secondary"] as const));
  return {
    groupId: groupId.toLowerCase(),
    authority,
    ...(isBreach(playbook) || compromised !== undefined
      ? {
          compromised: {
            ...(slots === undefined ? {} : { slots: [...slots] }),
            ...(named.length === 0
              ? {}
              : {
                  thumbprints: named.map(({ leaf }) => leaf.sha256Thumbprint),
                  certificatePems: named.map(({ pem }) => pem),
                }),
          },
        }
      : {}),
    ...(successor === undefined
      ? {}
      : {
          successor: {
            ...(successor.name === undefined ? {} : { name: successor.name }),
            ...(reading?.outcome === "read" ? { chainPem: reading.chain.pem } : {}),
            ...(discarded === undefined ? {} : { discarded }),
          },
        }),
  };
}

const WHY = {
  "private-key-in-input":
    "the successor held a private key; it was discarded. Treat that key as leaked and make a new CA",
  "certificate-unreadable": "the successor holds no readable certificate; send PEM, the CA first",
} as const;
