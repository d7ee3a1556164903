/** Text as it may stand in a page: inputs and outputs of orchestrations are not to be trusted. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** A whole page around a body; no scripts, no files from elsewhere. */
export function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #222 }
table { border-collapse: collapse } td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
pre { margin: 0; white-space: pre-wrap; word-break: break-all }
.bar { position: relative; height: 1.3rem; background: #f3f3f3; margin: 1px 0; width: 60rem }
.bar span { position: absolute; top: 0; bottom: 0; min-width: 2px; background: #7aa6da }
.bar b { position: relative; font-weight: normal; padding-left: .3rem; white-space: nowrap }
.bar .failed { background: #e08a8a } .bar .open { background: #d9c36a }
.Failed { color: #b00020 } .Completed { color: #1b7f3b } .Running { color: #8a6d00 }
</style></head><body><h1>${escapeHtml(title)}</h1>
${body}
</body></html>
`;
}
