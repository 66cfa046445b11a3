import type { WorkerName } from "./bundle.ts";
import type { LoginRole } from "./login-roles.ts";

/** Roles of a region's Hyperdrive bindings, by binding. */
const regionBindings = {
  DB: "app",
  DB_REPLICA: "app",
  DB_AUDIT: "audit",
  DB_WEBHOOKS: "webhooks",
  DB_EVENTS: "events",
  DB_ARCHIVER: "archiver",
} as const;

/** The connection strings of the Workers through a pooler, by Worker and Hyperdrive binding. `replicaUrl` replaces the regions' read replicas. */
export function databaseUrls(
  roles: readonly LoginRole[],
  poolerPort: number,
  replicaUrl: string | undefined,
): Record<WorkerName, Record<string, string>> {
  const urlOf = (user: string): string => {
    const role = roles.find((known) => known.user === user);
    if (role === undefined) throw new Error(`No Worker logs in as ${user}.`);
    return `postgres://${user}:${role.password}@127.0.0.1:${poolerPort}/${role.database}`;
  };
  const ofRegion = (region: string): Record<string, string> => {
    const urls = Object.entries(regionBindings).map(([binding, purpose]) => [binding, urlOf(`${region}_${purpose}`)]);
    return { ...Object.fromEntries(urls), ...(replicaUrl !== undefined && { DB_REPLICA: replicaUrl }) };
  };
  return {
    "domicile-edge": {},
    "domicile-global": { DB: urlOf("global_app"), DB_REPLICA: urlOf("global_app") },
    "domicile-us": ofRegion("us"),
    "domicile-eu": ofRegion("eu"),
  };
}
