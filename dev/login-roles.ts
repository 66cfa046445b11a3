import { regionNames } from "../schema/regions.ts";
import type { LocalSecrets } from "./secrets.ts";

/** A role that a Worker logs in with. */
export interface LoginRole {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The role that migrations grant to, of which this one is a member. */
  readonly memberOf: string;
}

/** Every role that a Worker logs in with. Each may connect to one database only. */
export function loginRoles(secrets: LocalSecrets): LoginRole[] {
  return [
    role("global", "app", secrets.appPasswords.global),
    ...regionNames.flatMap((region) => [
      role(region, "app", secrets.appPasswords[region]),
      role(region, "audit", secrets.auditPasswords[region]),
      role(region, "archiver", secrets.archiverPasswords[region]),
      role(region, "webhooks", secrets.webhooksPasswords[region]),
      role(region, "events", secrets.eventsPasswords[region]),
    ]),
  ];
}

function role(database: string, purpose: string, password: string): LoginRole {
  return { user: `${database}_${purpose}`, password, database, memberOf: `domicile_${purpose}` };
}
