import type { z } from "zod";
import { AppError } from "../../../schema/errors.ts";
import type { newUserSchema } from "../../../schema/http/users.ts";
import { newId } from "../../../schema/ids.ts";
import { loginHash, normalizeEmail } from "../../../schema/login-hash.ts";
import { users } from "../../../schema/tables/region/users.ts";
import { isDatabaseUnavailable } from "../../serve/is-database-unavailable.ts";
import { invalid } from "../../serve/validate.ts";
import { statusIn } from "../../config-cache.ts";
import type { Reply, Served } from "../../serve/served.ts";
import { asCustomer } from "../database.ts";
import { hashPassword } from "../passwords/hash.ts";
import { settingsOf } from "../settings.ts";
import { loginDirectory } from "./login-directory.ts";
import { presentManagedUser } from "./present.ts";
import { mayGrant } from "./role-rules.ts";

/**
 * Creates a user of a customer in this region: reserves the login, commits the user, confirms the login. 403 for a role above the
 * maker's, 409 for an address in use, 422 for a region the customer may not use, 503 while the region takes nobody new.
 */
export async function createUserHere(
  customerId: string,
  body: z.output<typeof newUserSchema>,
  served: Served,
  env: RegionEnv,
): Promise<Reply> {
  const { region, config, directoryKey } = settingsOf(env);
  if (served.actor === null) throw new AppError("unauthorized");
  mayGrant(served.actor, body.role);
  const { customer, regions } = await config.snapshot(customerId, served.invocation.waitUntil);
  if (customer === null) throw new AppError("not_found");
  const home = body.region ?? region;
  if (home !== region || !customer.allowed_regions.includes(region)) throw invalid("region", "is not allowed here");
  if (statusIn(regions, region) !== "active") throw new AppError("region_draining");

  const id = newId("user");
  const hash = await loginHash(body.email, directoryKey);
  const passwordHash = await hashPassword(body.password);
  const reserved = await loginDirectory(env).reserve(hash, { customer_id: customerId, region, user_id: id });
  if (reserved === "taken") throw new AppError("conflict", { detail: "The e-mail address is in use." });
  const row = await insert(env, served, { id, customerId, passwordHash, body }).catch(async (error: unknown) => {
    // A commit whose answer was lost may have happened: then the reservation stays, and lapses if it did not.
    if (!isDatabaseUnavailable(error)) await loginDirectory(env).release(id);
    throw error;
  });
  await loginDirectory(env).confirm(hash, id);
  return { status: 201, body: presentManagedUser(row, region), created: row.id };
}

async function insert(
  env: RegionEnv,
  served: Served,
  user: { id: string; customerId: string; passwordHash: string; body: z.output<typeof newUserSchema> },
): Promise<typeof users.$inferSelect> {
  const now = new Date();
  const { id, customerId, passwordHash, body } = user;
  const rows = await asCustomer(env, customerId, served.invocation, (tx) =>
    tx
      .insert(users)
      .values({
        customerId,
        id,
        email: normalizeEmail(body.email),
        name: body.name,
        passwordHash,
        role: body.role,
        status: "active",
        version: 1,
        createdAt: now,
        updatedAt: now,
      })
      .returning(),
  );
  const [row] = rows;
  if (row === undefined) throw new Error("an insert returned no row");
  return row;
}
