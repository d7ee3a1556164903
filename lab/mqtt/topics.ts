/**
 * Whether a topic is within a subscription filter (MQTT 3.1.1 §4.7: `+` is one level, a final `#` is this level and
 * everything below). A wildcard in the first level does not match topics that begin with `$` (§4.7.2).
 */
export function topicMatches(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  if (topic.startsWith("$") && (filter.startsWith("+") || filter.startsWith("#"))) return false;
  if (filter.endsWith("/#") && !filter.includes("+")) {
    const parent = filter.slice(0, -2);
    return topic === parent || topic.startsWith(`${parent}/`);
  }
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [index, part] of wanted.entries()) {
    if (part === "#") return true;
    if (index >= levels.length) return false;
    if (part !== "+" && part !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
