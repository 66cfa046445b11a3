/**
 * Where a request for `path` (with its query) goes: under the upstream's own path, on the upstream's own host whatever the path
 * says (`//other.example`, `/\other`, `/..`). Null if it would leave the upstream's path.
 */
export function upstreamTarget(upstream: string, path: string, search: string): URL | null {
  const target = new URL(upstream);
  const { origin } = target;
  const prefix = target.pathname.replace(/\/+$/, "");
  // Assigning `pathname` never changes the host, and resolves dot segments.
  target.pathname = `${prefix}/${path.replace(/^[/\\]+/, "")}`;
  target.search = search;
  const { pathname } = target;
  const inside = pathname === prefix || pathname.startsWith(`${prefix}/`);
  return target.origin === origin && inside ? target : null;
}
