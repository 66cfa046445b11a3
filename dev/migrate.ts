import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { regionNames } from "../schema/regions.ts";
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
      await prepare(superuser, database, secrets.appPasswords[database], existing.has(database));
    }
  } finally {
    await superuser.end();
  }
  await Promise.all(
    databases.map((database) =>
      migrateDatabase(server.url("domicile_owner", secrets.ownerPassword, database), database),
    ),
  );
}

/** Every Worker's login role is a member of `domicile_app` and may connect to its own database alone. */
async function prepare(superuser: postgres.Sql, database: string, password: string, exists: boolean): Promise<void> {
  if (!exists) await superuser.unsafe(`create database "${database}" owner domicile_owner`);
  const role = `${database}_app`;
  const [known] = await superuser`select from pg_roles where rolname = ${role}`;
  if (known === undefined) await superuser.unsafe(`create role ${role} login in role domicile_app`);
  await superuser.unsafe(`alter role ${role} password '${password}'`);
  await superuser.unsafe(`revoke connect on database "${database}" from public`);
  await superuser.unsafe(`grant connect on database "${database}" to ${role}`);
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
