import { z } from "zod";
import type { ApiRoute } from "./api-route";
import * as registry from "./registry-api";

const Hub = z.object({ hub: z.string().optional() });
const DEVICES = "registry/devices";
const ONE = `${DEVICES}/{deviceId}`;

/** The endpoints of the identity registry; `hub` names one where there are several, `If-Match` guards every change. */
export const REGISTRY_ROUTES = {
  listRegistryDevices: {
    method: "GET",
    path: DEVICES,
    summary: "Identities of a hub, at most 1,000",
    who: "reader",
    query: Hub,
    answers: { 200: registry.DeviceListView },
  },
  createRegistryDevice: {
    method: "POST",
    path: DEVICES,
    summary: "Creates an identity",
    who: "operator",
    query: Hub,
    body: registry.CreateDevice,
    answers: { 201: registry.DeviceView },
  },
  importRegistryDevices: {
    method: "POST",
    path: "registry/import",
    summary: "Creates identities that are not there yet",
    who: "operator",
    query: Hub,
    body: registry.ImportDevices,
    answers: { 200: registry.ImportView },
  },
  getRegistryDevice: {
    method: "GET",
    path: ONE,
    summary: "An identity, with what the app knows of the device",
    who: "reader",
    query: Hub,
    answers: { 200: registry.DeviceView },
  },
  changeRegistryDevice: {
    method: "PATCH",
    path: ONE,
    summary: "Changes an identity",
    who: "operator",
    query: Hub,
    body: registry.ChangeDevice,
    answers: { 200: registry.DeviceView },
  },
  deleteRegistryDevice: {
    method: "DELETE",
    path: ONE,
    summary: "Deletes an identity, its twin and its modules",
    who: "operator",
    query: Hub,
    answers: { 204: "empty" },
  },
  disableRegistryDevice: {
    method: "POST",
    path: `${ONE}/disable`,
    summary: "Disables an identity, with the reason",
    who: "operator",
    query: Hub,
    body: registry.DisableDevice,
    answers: { 200: registry.DeviceView },
  },
  enableRegistryDevice: {
    method: "POST",
    path: `${ONE}/enable`,
    summary: "Enables an identity",
    who: "operator",
    query: Hub,
    body: registry.EnableDevice,
    answers: { 200: registry.DeviceView },
  },
} as const satisfies Readonly<Record<string, ApiRoute>>;
