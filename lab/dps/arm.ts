import { randomBytes } from "node:crypto";
import { z } from "zod";
import { header, type ApiRequest, type ApiResponse } from "./api";
import { ArmError, armErrors } from "./arm-errors";
import { armAudience, bearerGrants } from "./authorization";
import type { CaCertificate, CaState } from "./ca-certificates";
import { isIssuedBy, readCertificateText } from "./certificate-info";
import type { DpsContext } from "./context";
import { keyOf } from "./entries";
import { underFaults, type Operation, type Outcome } from "./fault-effects";
import { dpsLimits } from "./quotas";
import { rfc1123 } from "./times";

const namePattern = /^[A-Za-z0-9\-._]{1,64}$/;

/**
 * The control plane (ARM): the description of the instance and its CA certificates. Throws ArmError.
 * `/subscriptions/{s}/resourceGroups/{rg}/providers/Microsoft.Devices/provisioningServices/{dps}[/certificates[/{c}[/{verb}]]]`
 */
export async function answerArm(request: ApiRequest, context: DpsContext): Promise<Outcome<ApiResponse>> {
  const host = header(request, "host") ?? "";
  const granted = bearerGrants(
    header(request, "authorization"),
    // A client that was pointed at a loopback endpoint asks for a token for that endpoint.
    [armAudience, "https://management.core.windows.net", `https://${host}`],
    undefined,
    context.clock.now(),
  );
  if (!granted) throw armErrors.unauthenticated();
  if (!request.query.get("api-version")) throw armErrors.missingApiVersion();
  const path = request.segments.map((segment) => segment.toLowerCase());
  const [, , groups, , providers, provider, type, dps = ""] = path;
  const isService =
    groups === "resourcegroups" &&
    providers === "providers" &&
    provider === "microsoft.devices" &&
    type === "provisioningservices";
  if (!isService || dps !== keyOf(context.name)) throw armErrors.noSuchResource(request.segments.join("/"));
  const id = `/${request.segments.slice(0, 8).join("/")}`;
  return underFaults(armOperation(request, path.slice(8), id, context), context);
}

function armOperation(
  request: ApiRequest,
  rest: readonly string[],
  id: string,
  context: DpsContext,
): Operation<ApiResponse> {
  const [collection, key, verb, ...more] = rest;
  const { method } = request;
  if (collection === undefined) {
    if (method !== "GET") throw armErrors.methodNotAllowed();
    return operation("dps.arm.get", context.name, false, () => ({ status: 200, body: description(id, context) }));
  }
  if (collection !== "certificates" || more.length > 0) throw armErrors.noSuchResource(request.segments.join("/"));
  if (key === undefined) {
    if (method !== "GET") throw armErrors.methodNotAllowed();
    return operation("dps.ca.list", "", false, () => ({
      status: 200,
      body: { value: context.store.cas.list().map((ca) => caView(ca, id)) },
    }));
  }
  const name = request.segments[9] ?? key;
  const commands: Record<string, Operation<ApiResponse>> = {
    GET: operation("dps.ca.get", name, false, () => ({ status: 200, body: caView(existing(name, context), id) })),
    PUT: operation("dps.ca.put", name, true, (commit) => put(name, request, id, context, commit)),
    DELETE: operation("dps.ca.delete", name, true, (commit) => remove(name, request, context, commit)),
    "POST generateverificationcode": operation("dps.ca.generate", name, true, (commit) =>
      generate(name, request, id, context, commit),
    ),
    "POST verify": operation("dps.ca.verify", name, true, (commit) => verify(name, request, id, context, commit)),
  };
  const found = commands[verb === undefined ? method : `${method} ${verb}`];
  if (!found) throw armErrors.methodNotAllowed();
  return found;
}

function operation(
  name: string,
  subject: string,
  write: boolean,
  run: (commit: boolean) => ApiResponse,
): Operation<ApiResponse> {
  return { name, subject, write, run };
}

const putBody = z.object({
  properties: z.object({ certificate: z.string(), isVerified: z.boolean().nullish() }),
});

function put(name: string, request: ApiRequest, id: string, context: DpsContext, commit: boolean): ApiResponse {
  if (!namePattern.test(name)) throw armErrors.badRequest(`'${name}' is not a valid certificate name.`);
  const { cas } = context.store;
  const held = cas.get(name);
  if (held) checkIfMatch(request, held);
  else if (cas.list().length >= dpsLimits.caCertificates) {
    throw armErrors.badRequest(`The limit of ${dpsLimits.caCertificates} certificates is reached.`);
  }
  const { properties } = parse(putBody, request);
  const certificate = readCertificateText(properties.certificate);
  if (!certificate) throw armErrors.badRequest("The certificate cannot be read.");
  const same = held?.info.sha256Thumbprint === certificate.sha256Thumbprint;
  const keeps = held !== undefined && (same || !context.switches.caReplacedLosesVerification);
  const state = { certificate, isVerified: properties.isVerified ?? (keeps && held.isVerified) };
  return { status: 200, body: caView(write(name, state, context, commit), id) };
}

function remove(name: string, request: ApiRequest, context: DpsContext, commit: boolean): ApiResponse {
  const held = context.store.cas.get(name);
  if (!held) return { status: 204 };
  checkIfMatch(request, held);
  if (context.switches.deleteReferencedCa === "refused" && context.store.isReferenced(name)) {
    throw armErrors.conflict(`Certificate '${name}' is used by an enrollment.`);
  }
  if (commit) context.store.cas.delete(name);
  return { status: 200 };
}

function generate(name: string, request: ApiRequest, id: string, context: DpsContext, commit: boolean): ApiResponse {
  const held = existing(name, context);
  checkIfMatch(request, held);
  const verificationCode = randomBytes(24).toString("hex").toUpperCase();
  const { certificate, isVerified } = held;
  const ca = write(name, { certificate, isVerified, verificationCode }, context, commit);
  const view = caView(ca, id);
  return { status: 200, body: { ...view, properties: { ...view.properties, verificationCode } } };
}

const verifyBody = z.object({ certificate: z.string() });

/** Proof of possession: a certificate named like the code, signed with the authority's key. */
function verify(name: string, request: ApiRequest, id: string, context: DpsContext, commit: boolean): ApiResponse {
  const held = existing(name, context);
  checkIfMatch(request, held);
  const proof = readCertificateText(parse(verifyBody, request).certificate);
  if (!proof) throw armErrors.badRequest("The verification certificate cannot be read.");
  if (held.verificationCode === undefined) throw armErrors.badRequest("No verification code was generated.");
  if (proof.commonName !== held.verificationCode || !isIssuedBy(proof, held.certificate)) {
    throw armErrors.badRequest("The verification certificate does not prove possession of the key.");
  }
  const ca = write(name, { certificate: held.certificate, isVerified: true }, context, commit);
  return { status: 200, body: caView(ca, id) };
}

function write(name: string, state: CaState, { store, clock }: DpsContext, commit: boolean): CaCertificate {
  return commit ? store.cas.put(name, state) : store.cas.draft(name, state, clock.now());
}

function existing(name: string, context: DpsContext): CaCertificate {
  const ca = context.store.cas.get(name);
  if (!ca) throw armErrors.certificateNotFound(name);
  return ca;
}

/** ARM's etags come back raw, without quotes. Throws ArmError 412. */
function checkIfMatch(request: ApiRequest, ca: CaCertificate): void {
  const ifMatch = header(request, "if-match");
  if (ifMatch !== ca.etag && ifMatch !== "*") throw armErrors.preconditionFailed();
}

function parse<T>(schema: z.ZodType<T>, request: ApiRequest): T {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString("utf8"));
  } catch {
    throw armErrors.badRequest("The request is not valid JSON.");
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new ArmError(400, "BadRequest", parsed.error.issues[0]?.message ?? "Invalid request.");
  return parsed.data;
}

function caView(ca: CaCertificate, serviceId: string) {
  return {
    id: `${serviceId}/certificates/${ca.name}`,
    name: ca.name,
    type: "Microsoft.Devices/ProvisioningServices/Certificates",
    etag: ca.etag,
    properties: {
      // Unlike the data plane, ARM does give the certificate back.
      certificate: ca.certificate.der.toString("base64"),
      created: rfc1123(ca.createdAt),
      expiry: rfc1123(ca.certificate.notAfter),
      isVerified: ca.isVerified,
      subject: ca.info.subjectName,
      thumbprint: ca.info.sha1Thumbprint,
      updated: rfc1123(ca.updatedAt),
    },
  };
}

function description(id: string, context: DpsContext) {
  const segments = id.split("/");
  return {
    id,
    name: context.name,
    type: "Microsoft.Devices/provisioningServices",
    location: "lab",
    tags: {},
    etag: "AAAAAAAAAAE=",
    resourcegroup: segments[4],
    subscriptionid: segments[2],
    sku: { name: "S1", tier: "Standard", capacity: 1 },
    properties: {
      state: "Active",
      provisioningState: "Succeeded",
      allocationPolicy: "Hashed",
      idScope: context.idScope,
      serviceOperationsHostName: context.serviceHostName,
      deviceProvisioningHostName: "global.azure-devices-provisioning.net",
      iotHubs: context.hubs.map(({ hostName }) => ({
        name: hostName,
        connectionString: `HostName=${hostName};SharedAccessKeyName=iothubowner;SharedAccessKey=****`,
        location: "lab",
        allocationWeight: 1,
        applyAllocationPolicy: true,
      })),
    },
  };
}
