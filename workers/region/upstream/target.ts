/**
 * Where a request for `path` (with its query) goes: under the upstream's own path, on the upstream's own host whatever the path
 * says (`//other.example`, `/\other`, `/..`). Null if it would leave the upstream's path.
 */
export function upstreamTarget(upstream: string, path: string, search: string): URL | null {
  const base = new URL(upstream);
  const prefix = base.pathname.replace(/\/+$/, "");
  const target = new URL(base);
  // Assigning `pathname` never changes the host, and resolves dot segments.
  target.pathname = `${prefix}/${path.replace(/^[/\\]+/, "")}`;
  target.search = search;
  const inside = target.pathname === prefix || target.pathname.startsWith(`${prefix}/`);
  return target.origin === base.origin && inside ? target : null;
}
