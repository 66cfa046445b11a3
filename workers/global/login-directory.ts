import { WorkerEntrypoint } from "cloudflare:workers";
import { and, eq, inArray, sql } from "drizzle-orm";
import type { LoginDirectoryApi, LoginEntry, LoginLookupApi } from "../../schema/config.ts";
import { loginDirectory } from "../../schema/tables/global/login-directory.ts";
import { withDatabase } from "../serve/database.ts";
import type { Database } from "../serve/drizzle.ts";
import { withInvocation } from "../serve/invocation.ts";

/** A reservation that is not confirmed by then was left behind by a crash, in milliseconds. */
const reservationMs = 60_000;

/** Users that are looked up at once. */
const maximumUsers = 100;

const entry = { customer_id: loginDirectory.customerId, region: loginDirectory.region };

/** Finds where a login lives, for the edge. Always from the primary: a user just created must be found. */
export class LoginLookup extends WorkerEntrypoint<GlobalEnv> implements LoginLookupApi {
  /** By the keyed hash of the e-mail address. */
  async byHash(hash: string): Promise<(LoginEntry & { user_id: string }) | null> {
    const [row] = await this.#read((database) =>
      database
        .select({ ...entry, user_id: loginDirectory.userId })
        .from(loginDirectory)
        .where(eq(loginDirectory.hash, hash)),
    );
    return row ?? null;
  }

  /** By user id. A user who is not in the directory is not in the answer. */
  async byUsers(userIds: readonly string[]): Promise<Record<string, LoginEntry>> {
    const rows = await this.#read((database) =>
      database
        .select({ ...entry, user_id: loginDirectory.userId })
        .from(loginDirectory)
        .where(inArray(loginDirectory.userId, [...userIds].slice(0, maximumUsers))),
    );
    return Object.fromEntries(rows.map(({ user_id, ...login }) => [user_id, login]));
  }

  #read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return withInvocation(this.ctx, (invocation) => withDatabase(this.env.DB, work, invocation));
  }
}

/** Writes the directory, for the regions. */
export class LoginDirectory extends WorkerEntrypoint<GlobalEnv> implements LoginDirectoryApi {
  /** Reserves a hash in one statement: inserted, or taken over from the same user or from a lapsed reservation. */
  async reserve(hash: string, login: LoginEntry & { user_id: string }): Promise<"reserved" | "taken"> {
    const now = new Date();
    const row = { customerId: login.customer_id, region: login.region, userId: login.user_id, reservedAt: now };
    const lapsed = new Date(now.getTime() - reservationMs);
    const free = sql`${loginDirectory.userId} = ${login.user_id}
      or (${loginDirectory.confirmedAt} is null and ${loginDirectory.reservedAt} < ${lapsed.toISOString()})`;
    const reserved = await this.#write((database) =>
      database
        .insert(loginDirectory)
        .values({ hash, ...row })
        .onConflictDoUpdate({
          target: loginDirectory.hash,
          set: row,
          setWhere: free,
        })
        .returning({ hash: loginDirectory.hash }),
    );
    return reserved.length === 1 ? "reserved" : "taken";
  }

  /** Makes a reservation permanent. */
  async confirm(hash: string, userId: string): Promise<void> {
    await this.#write((database) =>
      database
        .update(loginDirectory)
        .set({ confirmedAt: new Date() })
        .where(and(eq(loginDirectory.hash, hash), eq(loginDirectory.userId, userId))),
    );
  }

  /** Forgets the login of a user. */
  async release(userId: string): Promise<void> {
    await this.#write((database) => database.delete(loginDirectory).where(eq(loginDirectory.userId, userId)));
  }

  #write<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return withInvocation(this.ctx, (invocation) => withDatabase(this.env.DB, work, invocation));
  }
}
