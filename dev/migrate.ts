import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { regionNames } from "../schema/regions.ts";
import { loginRoles, type LoginRole } from "./login-roles.ts";
import type { LocalPostgres } from "./postgres.ts";
import type { LocalSecrets } from "./secrets.ts";

/** The databases of the platform: one for each region, and the global one. */
export const databases = ["global", ...regionNames] as const;

/** Makes roles and databases where they are missing, and brings every schema up to date. Safe to repeat. */
export async function prepareDatabases(server: LocalPostgres, secrets: LocalSecrets): Promise<void> {
  const superuser = postgres(server.url("postgres", secrets.superuserPassword, "postgres"), quiet);
  try {
    await superuser.unsafe(read("../schema/roles.sql"));
    await superuser.unsafe(`alter role domicile_owner password '${secrets.ownerPassword}'`);
    const existing = new Set((await superuser`select datname from pg_database`).map((row) => row["datname"] as string));
    for (const database of databases) {
      if (!existing.has(database)) await superuser.unsafe(`create database "${database}" owner domicile_owner`);
      await superuser.unsafe(`revoke connect on database "${database}" from public`);
    }
    for (const role of loginRoles(secrets)) await admit(superuser, role);
  } finally {
    await superuser.end();
  }
  await Promise.all(
    databases.map((database) =>
      migrateDatabase(server.url("domicile_owner", secrets.ownerPassword, database), database),
    ),
  );
}

/** Creates a login role, or sets its password, and lets it connect to its own database alone. */
async function admit(superuser: postgres.Sql, { user, password, database, memberOf }: LoginRole): Promise<void> {
  const [known] = await superuser`select from pg_roles where rolname = ${user}`;
  if (known === undefined) await superuser.unsafe(`create role ${user} login in role ${memberOf}`);
  await superuser.unsafe(`alter role ${user} password '${password}'`);
  await superuser.unsafe(`grant connect on database "${database}" to ${user}`);
}

async function migrateDatabase(url: string, database: string): Promise<void> {
  const owner = postgres(url, { ...quiet, max: 1 });
  const folder = database === "global" ? "global" : "region";
  try {
    await migrate(drizzle(owner), {
      migrationsFolder: fileURLToPath(new URL(`../schema/migrations/${folder}`, import.meta.url)),
    });
  } finally {
    await owner.end();
  }
}

const quiet = { onnotice: () => undefined } as const;

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
}
