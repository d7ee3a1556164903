import type { ApiRequest, ServiceOperation } from "./api";
import { header } from "./api";
import type { DpsContext } from "./context";
import { keyOf } from "./entries";
import { dpsErrors } from "./errors";
import { checkEtag, checkQuery, jsonBody, pageAnswer, paging } from "./requests";
import { registrationEtag, registrationView } from "./views";

/** Finds the operation on registration records that a request asks for; throws DpsError 404 or 405. */
export function registrationOperation(request: ApiRequest, context: DpsContext): ServiceOperation {
  const [, id, verb, ...more] = request.segments;
  if (id === undefined || more.length > 0) throw dpsErrors.noSuchResource();
  const { store } = context;
  const existing = () => {
    const registration = store.registrations.get(keyOf(id));
    if (!registration) throw dpsErrors.registrationNotFound();
    return registration;
  };
  if (verb !== undefined) {
    if (verb.toLowerCase() !== "query") throw dpsErrors.noSuchResource();
    if (request.method !== "POST") throw dpsErrors.methodNotAllowed();
    return {
      name: "dps.registration.query",
      subject: id,
      write: false,
      right: "RegistrationStatusRead",
      run: () => {
        checkQuery(jsonBody(request));
        const { from, limit } = paging(request);
        const page = store.registrationsPage(id, from, limit);
        return pageAnswer({ ...page, items: page.items.map(registrationView) }, "deviceRegistration");
      },
    };
  }
  switch (request.method) {
    case "GET":
      return {
        name: "dps.registration.get",
        subject: id,
        write: false,
        right: "RegistrationStatusRead",
        run: () => ({ status: 200, body: registrationView(existing()) }),
      };
    case "DELETE":
      return {
        name: "dps.registration.delete",
        subject: id,
        write: true,
        right: "RegistrationStatusWrite",
        run: (commit) => {
          const registration = existing();
          // The record's etag is base64 of the quoted one; the service takes either.
          checkEtag(header(request, "if-match"), registrationEtag(registration), `"${registration.etag}"`);
          if (commit) store.deleteRegistration(id);
          return { status: 204 };
        },
      };
    default:
      throw dpsErrors.methodNotAllowed();
  }
}
