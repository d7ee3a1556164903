const tokens = [
  ...["Token=", "DefaultEndpointsProtocol=http", "AccountKey=", "Data Source=", "Server=", "Password=", "pwd="],
  ...["&amp;sig=", "&sig=", "?sig=", "SharedAccessKey=", "&amp;code=", "&code=", "?code=", "key="],
];
const userInUrl = /\b([a-zA-Z]+):\/\/([^:/\s]+):([^@/\s]+)@([^:/\s]+):([0-9]+)\b/g;

/**
 * Hides what looks like a credential in an error text, as `Sanitizer` of the Functions host does: from the token up to
 * the next `<`, `"` or `'`. It does so too where that breaks the JSON a failed orchestrator carries in its message
 * (Azure/azure-functions-host#11896), so that an app sees the damage here first.
 */
export function maskCredentials(text: string): string {
  let result = text;
  for (const token of tokens) {
    let from = 0;
    for (;;) {
      const at = result.toLowerCase().indexOf(token.toLowerCase(), from);
      if (at < 0) break;
      const rest = result.slice(at);
      const end = rest.search(/[<"']/);
      const hidden = "[Hidden Credential]";
      result = result.slice(0, at) + hidden + (end < 0 ? "" : rest.slice(end));
      from = at + hidden.length;
    }
  }
  return result.replace(userInUrl, "[Hidden Credential]");
}
