import { rmSync } from "node:fs";
import postgres from "postgres";
import { newStateFolder } from "../../test/state-folder.ts";
import { removePostgres, startPostgres, type LocalPostgres } from "../postgres.ts";
import type { PoolStats } from "./options.ts";
import { startPooler, type Pooler } from "./start.ts";

/** For tests: a Postgres with the roles alice (of database a, one server connection) and bob (of database b, eight), and a pooler before it. */
export interface PooledPostgres {
  readonly server: LocalPostgres;
  readonly pooler: Pooler;
  /** A client through the pooler, with one connection. Closed by `closeClients`. */
  client(user: User): postgres.Sql;
  /** A client straight to Postgres. Closed by `closeClients`. */
  directClient(user: User): postgres.Sql;
  /** What the pool of a role does now. */
  pool(user: User): Promise<PoolStats>;
  /** Resolves when the pool of a role satisfies `isSo`; rejects after 5 s. */
  poolWhere(user: User, what: string, isSo: (stats: PoolStats) => boolean): Promise<PoolStats>;
  closeClients(): Promise<void>;
  close(): Promise<void>;
}

export type User = "alice" | "bob";

export const databases = { alice: "a", bob: "b" } as const;
export const passwords = { alice: "alice's password", bob: "bob:@/%" } as const;
export const connections = { alice: 1, bob: 8 } as const;
/** How long a client waits for a server connection, in milliseconds. */
export const waitMs = 1000;

export async function startPooledPostgres(): Promise<PooledPostgres> {
  const folder = newStateFolder();
  const server = await startPostgres(folder, "superuser");
  await createRoles(server);
  const pooler = await startPooler({
    upstreamPort: server.port,
    waitMs,
    routes: (["alice", "bob"] as const).map((user) => ({
      user,
      password: passwords[user],
      database: databases[user],
      connections: connections[user],
    })),
  });
  const clients: postgres.Sql[] = [];
  const track = (url: string): postgres.Sql => {
    const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined });
    clients.push(sql);
    return sql;
  };
  const pool = async (user: User): Promise<PoolStats> => {
    const stats = (await pooler.stats()).pools.find((known) => known.user === user);
    if (stats === undefined) throw new Error(`no pool of ${user}`);
    return stats;
  };
  return {
    server,
    pooler,
    pool,
    poolWhere: (user, what, isSo) => eventually(what, () => pool(user), isSo),
    client: (user) => track(pooler.url(user, passwords[user], databases[user])),
    directClient: (user) => track(server.url(user, encodeURIComponent(passwords[user]), databases[user])),
    closeClients: async () => {
      await Promise.all(clients.splice(0).map((sql) => sql.end({ timeout: 0 })));
    },
    close: async () => {
      await pooler.close();
      await server.stop("immediate");
      await removePostgres(folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function createRoles(server: LocalPostgres): Promise<void> {
  const superuser = postgres(server.url("postgres", "superuser", "postgres"), { max: 1 });
  for (const user of ["alice", "bob"] as const) {
    await superuser.unsafe(`create role ${user} login password '${passwords[user].replaceAll("'", "''")}'`);
    await superuser.unsafe(`create database ${databases[user]} owner ${user}`);
  }
  await superuser.end();
}

/** The value of `look` once `isSo`. Rejects after 5 s, and says what it waited for. */
export async function eventually<T>(what: string, look: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const value = await look();
    if (isSo(value)) return value;
    if (Date.now() > deadline) throw new Error(`waited 5 s for ${what}; it is ${JSON.stringify(value)}`);
    await new Promise((waited) => {
      setTimeout(waited, 20);
    });
  }
}
