import { WorkerEntrypoint } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import type { ConfigReaderApi, ConfigSnapshot, PublicKeyVersion, RegionState } from "../../schema/config.ts";
import { customers, regionStates, tiers } from "../../schema/tables/global/configuration.ts";
import type { PublishedEndpoint } from "../../schema/webhooks/cross-region.ts";
import { withDatabase } from "../serve/database.ts";
import type { Database } from "../serve/drizzle.ts";
import { withInvocation } from "../serve/invocation.ts";
import { presentCustomer, presentRegion, presentTier } from "./present.ts";
import { publishedEndpoints, unrevokedKeys } from "./webhook-config.ts";

/**
 * Reads configuration for edge and regions. From the read replica; from the primary when that fails. What is read may be as old
 * as the replica's lag: docs/configuration.md adds it up.
 */
export class ConfigReader extends WorkerEntrypoint<GlobalEnv> implements ConfigReaderApi {
  /** A customer, every tier, and every region's status. */
  async snapshot(customerId: string): Promise<ConfigSnapshot> {
    return this.#read(async (database) => {
      const [customer] = await database.select().from(customers).where(eq(customers.id, customerId));
      const everyTier = await database.select().from(tiers).orderBy(tiers.name);
      return {
        customer: customer === undefined ? null : presentCustomer(customer),
        tiers: everyTier.map(presentTier),
        regions: await everyRegion(database),
      };
    });
  }

  /** Every region and whether it serves. */
  async regions(): Promise<RegionState[]> {
    return this.#read(everyRegion);
  }

  /** Every origin that some active customer allows. */
  async corsOrigins(): Promise<string[]> {
    const rows = await this.#read((database) =>
      database.select({ origins: customers.corsOrigins }).from(customers).where(eq(customers.status, "active")),
    );
    return [...new Set(rows.flatMap((row) => row.origins))];
  }

  /** The versions of a customer's public keys that are neither revoked nor past their grace. */
  async publicKeys(customerId: string): Promise<PublicKeyVersion[]> {
    return this.#read((database) => unrevokedKeys(database, customerId));
  }

  /** A customer's endpoints that opted in to events of other regions, and those that took it back. */
  async crossRegionEndpoints(customerId: string): Promise<PublishedEndpoint[]> {
    return this.#read((database) => publishedEndpoints(database, customerId));
  }

  #read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return withInvocation(this.ctx, async (invocation) => {
      try {
        return await withDatabase(this.env.DB_REPLICA, work, invocation);
      } catch (error) {
        const name = error instanceof Error ? error.name : typeof error;
        console.warn(JSON.stringify({ level: "warn", event: "replica.failed", error: name }));
        return await withDatabase(this.env.DB, work, invocation);
      }
    });
  }
}

async function everyRegion(database: Database): Promise<RegionState[]> {
  const rows = await database.select().from(regionStates).orderBy(regionStates.name);
  return rows.map(presentRegion);
}
