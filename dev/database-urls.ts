import type { Region } from "../schema/regions.ts";
import type { WorkerName } from "./bundle.ts";
import type { LocalSecrets } from "./secrets.ts";

/** Makes a connection string for a role of a database. */
export type DatabaseUrl = (role: string, password: string, database: string) => string;

/** The connection strings of the Workers, by Worker and Hyperdrive binding. `replicaUrl` replaces the regions' read replicas. */
export function databaseUrls(
  url: DatabaseUrl,
  secrets: LocalSecrets,
  replicaUrl: string | undefined,
): Record<WorkerName, Record<string, string>> {
  const global = url("global_app", secrets.appPasswords.global, "global");
  const ofRegion = (region: Region): Record<string, string> => {
    const app = url(`${region}_app`, secrets.appPasswords[region], region);
    return {
      DB: app,
      DB_REPLICA: replicaUrl ?? app,
      DB_AUDIT: url(`${region}_audit`, secrets.auditPasswords[region], region),
      DB_WEBHOOKS: url(`${region}_webhooks`, secrets.webhooksPasswords[region], region),
      DB_ARCHIVER: url(`${region}_archiver`, secrets.archiverPasswords[region], region),
    };
  };
  return {
    "domicile-edge": {},
    "domicile-global": { DB: global, DB_REPLICA: global },
    "domicile-us": ofRegion("us"),
    "domicile-eu": ofRegion("eu"),
  };
}
