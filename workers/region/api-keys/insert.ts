import { mintApiKey } from "../../../schema/api-key.ts";
import { newId } from "../../../schema/ids.ts";
import type { Scope } from "../../../schema/principal.ts";
import { apiKeys } from "../../../schema/tables/region/api-keys.ts";
import type { Transaction } from "../database.ts";
import type { RegionSettings } from "../settings.ts";
import { presentApiKey } from "./present.ts";

/** What a new key is to be. */
export interface NewApiKey {
  readonly customerId: string;
  readonly name: string;
  readonly tier: string | null;
  readonly scopes: Scope[];
  readonly createdBy: string;
  readonly expiresAt: Date | null;
}

/** Makes a key and keeps the hash of its secret; what is returned shows the key this once. */
export async function insertApiKey(tx: Transaction, wanted: NewApiKey, settings: RegionSettings) {
  const id = newId("apiKey");
  const { key, secretHash } = await mintApiKey(settings.region, id, settings.checksumKey);
  const [row] = await tx
    .insert(apiKeys)
    .values({ ...wanted, id, secretHash, version: 1, createdAt: new Date() })
    .returning();
  if (row === undefined) throw new Error("an insert returned no row");
  return { ...presentApiKey(row, settings.region), key };
}
