import { WorkerEntrypoint } from "cloudflare:workers";
import { and, desc, eq, gt, isNull, lt, or, sql } from "drizzle-orm";
import type { PublicKeyVersion, WebhookConfigApi } from "../../schema/config.ts";
import { crossRegionEndpoints, publicKeys } from "../../schema/tables/global/public-keys.ts";
import type { CrossRegionEndpoint, PublishedEndpoint } from "../../schema/webhooks/cross-region.ts";
import type { PublicJwk } from "../../schema/webhooks/public-key.ts";
import { withDatabase, withTransaction } from "../serve/database.ts";
import type { Database } from "../serve/drizzle.ts";
import { withInvocation } from "../serve/invocation.ts";

type Row = typeof publicKeys.$inferSelect;
interface Key {
  readonly id: string;
  readonly kid: string;
  readonly jwk: PublicJwk;
}

/** Keys of a customer, and valid versions of one: a webhook is encrypted to each of them. */
const maximumKeys = 100;
const maximumVersions = 5;

/** The versions of a customer's public keys that are neither revoked nor past their grace, newest key and version first. */
export async function unrevokedKeys(
  database: Pick<Database, "select">,
  customerId: string,
): Promise<PublicKeyVersion[]> {
  const valid = or(isNull(publicKeys.expiresAt), gt(publicKeys.expiresAt, sql`now()`));
  const rows = await database
    .select()
    .from(publicKeys)
    .where(and(eq(publicKeys.customerId, customerId), isNull(publicKeys.revokedAt), valid))
    .orderBy(desc(publicKeys.id), desc(publicKeys.version));
  return rows.map(present);
}

/** What a customer's regions have published of endpoints for other regions. */
export function publishedEndpoints(database: Database, customerId: string): Promise<PublishedEndpoint[]> {
  const { id, version, endpoint } = crossRegionEndpoints;
  return database
    .select({ id, version, endpoint })
    .from(crossRegionEndpoints)
    .where(eq(crossRegionEndpoints.customerId, customerId));
}

/** Writes what webhooks keep in the global configuration, for the regions: public keys, and endpoints that opted in to events of other regions. */
export class WebhookConfig extends WorkerEntrypoint<GlobalEnv> implements WebhookConfigApi {
  /** Registers a key; `taken` if the customer has it already, `full` if it has as many as it may. */
  async createKey(customerId: string, key: Key): Promise<"created" | "taken" | "full"> {
    return this.#write(async (database) => {
      const keys = new Set((await unrevokedKeys(database, customerId)).map(({ id }) => id));
      if (keys.size >= maximumKeys) return "full";
      return (await insertVersion(database, customerId, key, 1)) ? "created" : "taken";
    });
  }

  /** The valid versions, from the primary. */
  async keys(customerId: string): Promise<PublicKeyVersion[]> {
    return this.#write((database) => unrevokedKeys(database, customerId));
  }

  /** Makes a new version and ends the ones before after the grace, if they do not end sooner. */
  async rotateKey(
    customerId: string,
    key: Key,
    graceSeconds: number,
  ): Promise<"rotated" | "taken" | "full" | "missing"> {
    return this.#inTransaction(async (tx) => {
      const own = and(eq(publicKeys.customerId, customerId), eq(publicKeys.id, key.id), isNull(publicKeys.revokedAt));
      const [newest] = await tx
        .select()
        .from(publicKeys)
        .where(own)
        .orderBy(desc(publicKeys.version))
        .limit(1)
        .for("update");
      if (newest === undefined) return "missing";
      const valid = (await unrevokedKeys(tx, customerId)).filter(({ id }) => id === key.id);
      if (valid.length >= maximumVersions) return "full";
      if (!(await insertVersion(tx, customerId, key, newest.version + 1))) return "taken";
      const end = new Date(Date.now() + graceSeconds * 1000);
      await tx
        .update(publicKeys)
        .set({ expiresAt: end })
        .where(
          and(
            own,
            lt(publicKeys.version, newest.version + 1),
            or(isNull(publicKeys.expiresAt), gt(publicKeys.expiresAt, end)),
          ),
        );
      return "rotated";
    });
  }

  /** Revokes every version of a key. */
  async revokeKey(customerId: string, id: string): Promise<"revoked" | "missing"> {
    const rows = await this.#write((database) =>
      database
        .update(publicKeys)
        .set({ revokedAt: new Date() })
        .where(and(eq(publicKeys.customerId, customerId), eq(publicKeys.id, id), isNull(publicKeys.revokedAt)))
        .returning({ version: publicKeys.version }),
    );
    return rows.length > 0 ? "revoked" : "missing";
  }

  /** Publishes an endpoint, or takes it back. An older version than the one that is there changes nothing; the same one is sealed anew. */
  async publish(customerId: string, id: string, version: number, endpoint: CrossRegionEndpoint | null): Promise<void> {
    const values = { version, endpoint, updatedAt: new Date() };
    await this.#write((database) =>
      database
        .insert(crossRegionEndpoints)
        .values({ customerId, id, ...values })
        .onConflictDoUpdate({
          target: crossRegionEndpoints.id,
          set: values,
          setWhere: sql`${crossRegionEndpoints.version} <= ${version} and ${crossRegionEndpoints.customerId} = ${customerId}`,
        }),
    );
  }

  #write<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return withInvocation(this.ctx, (invocation) => withDatabase(this.env.DB, work, invocation));
  }

  #inTransaction<T>(work: (tx: Database) => Promise<T>): Promise<T> {
    return withInvocation(this.ctx, (invocation) => withTransaction(this.env.DB, {}, work, invocation));
  }
}

async function insertVersion(
  database: Pick<Database, "insert">,
  customerId: string,
  key: Key,
  version: number,
): Promise<boolean> {
  const made = await database
    .insert(publicKeys)
    .values({ customerId, ...key, version, createdAt: new Date() })
    .onConflictDoNothing()
    .returning({ version: publicKeys.version });
  return made.length === 1;
}

function present({ id, version, kid, jwk, createdAt, expiresAt }: Row): PublicKeyVersion {
  return { id, version, kid, jwk, created_at: createdAt.getTime(), expires_at: expiresAt?.getTime() ?? null };
}
