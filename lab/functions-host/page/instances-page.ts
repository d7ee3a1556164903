import { isFinal, type Status, statusName, statusOf } from "../engine/history";
import { type Instance, toInstance } from "../engine/rows";
import type { Store } from "../engine/store";
import type { FunctionApp } from "../function-app";
import { escapeHtml, layout } from "./html";
import { timeline } from "./timeline";

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const shown = 200;

/**
 * For people: `/` lists the newest instances (`?status=Running`, `?prefix=…`), `/_instances/ID` shows one with its
 * history and a timeline. Undefined for any other path.
 */
export function instancesPage(store: Store, app: FunctionApp, url: URL): Page | undefined {
  if (url.pathname === "/") return html(200, "Instances", list(store, app, url));
  const id = /^\/_instances\/(.+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return undefined;
  const instance = store.instance(decodeURIComponent(id));
  if (instance === undefined) return html(404, "Unknown instance", `<p>There is no instance ${escapeHtml(id)}.</p>`);
  return html(200, instance.instanceId, detail(store, instance));
}

function html(status: number, title: string, body: string): Page {
  return { status, type: "text/html; charset=utf-8", body: layout(title, body) };
}

function list(store: Store, app: FunctionApp, url: URL): string {
  const status = statusOf(url.searchParams.get("status") ?? "");
  const prefix = url.searchParams.get("prefix") ?? "";
  const instances = store.file.all(
    "SELECT * FROM instances WHERE (? < 0 OR status = ?) AND substr(instance_id, 1, ?) = ? ORDER BY created DESC LIMIT ?",
    toInstance,
    ...[status ?? -1, status ?? -1, prefix.length, prefix, shown],
  );
  const counts = store.file.all(
    "SELECT status, COUNT(*) AS n FROM instances GROUP BY status ORDER BY status",
    (row) => ({
      status: Number(row["status"]) as Status,
      count: Number(row["n"]),
    }),
  );
  const filters = counts.map(({ status: one, count }) => {
    const name = statusName(one);
    return `<a class="${name}" href="/?status=${name}">${name} ${count}</a>`;
  });
  const rows = instances.map(
    (instance) => `<tr>
<td><a href="${linkTo(instance.instanceId)}">${escapeHtml(instance.instanceId)}</a></td>
<td>${escapeHtml(instance.name)}</td><td class="${statusName(instance.status)}">${statusName(instance.status)}</td>
<td>${when(instance.created)}</td><td>${duration(instance)}</td><td>${escapeHtml(instance.customStatus ?? "")}</td></tr>`,
  );
  return `<p>${app.functions.size} functions. <a href="/">All instances</a> ${filters.join(" ")}</p>
<table><tr><th>Instance</th><th>Orchestrator</th><th>Status</th><th>Created</th><th>Took</th><th>Custom status</th></tr>
${rows.join("\n")}</table>
${instances.length === shown ? `<p>The newest ${shown} are shown.</p>` : ""}`;
}

function detail(store: Store, instance: Instance): string {
  const events = store.history(instance.instanceId);
  const facts: [string, string | null][] = [
    ["Orchestrator", instance.name + (instance.version === "" ? "" : `, version ${instance.version}`)],
    ["Status", statusName(instance.status)],
    ["Created", when(instance.created)],
    ["Took", duration(instance)],
    ["Input", instance.input],
    ["Custom status", instance.customStatus],
    ["Output", instance.output],
  ];
  const parent = instance.parent?.OrchestrationInstance.InstanceId;
  const up = parent === undefined ? "" : `<p>Started by <a href="${linkTo(parent)}">${escapeHtml(parent)}</a></p>`;
  return `<p><a href="/">All instances</a></p>${up}
<table>${facts.map(([name, value]) => `<tr><th>${name}</th><td><pre>${escapeHtml(value ?? "")}</pre></td></tr>`).join("")}</table>
<h2>Timeline</h2>${timeline(events)}
<h2>History</h2><ol>${events.map((event) => `<li><pre>${escapeHtml(JSON.stringify(event))}</pre></li>`).join("")}</ol>`;
}

function linkTo(instanceId: string): string {
  return `/_instances/${encodeURIComponent(instanceId)}`;
}

function when(time: number): string {
  return new Date(time).toISOString().replace("T", " ").slice(0, 19);
}

function duration(instance: Instance): string {
  const ms = (instance.completed ?? instance.updated) - instance.created;
  return `${(ms / 1000).toFixed(1)} s${isFinal(instance.status) ? "" : " so far"}`;
}
