import { base64url } from "jose";
import { z } from "zod";
import type { Customer } from "../../../schema/config.ts";
import { AppError } from "../../../schema/errors.ts";
import { isId } from "../../../schema/ids.ts";
import { listUsers, newUserSchema } from "../../../schema/http/users.ts";
import type { Principal } from "../../../schema/principal.ts";
import { regionForPlace, regionSchema, type Region } from "../../../schema/regions.ts";
import { readJson } from "../../serve/read-body.ts";
import { invalid, validate } from "../../serve/validate.ts";
import { forward } from "../stages/forward.ts";
import { refuseClosed } from "../stages/locate.ts";
import type { Passage } from "../stages/passage.ts";

/** `POST /v1/users`: created in the region asked for, else by where the request came from. */
export async function handleCreateUser(passage: Passage, principal: Principal, customer: Customer): Promise<Response> {
  const { region, bytes } = await settleHome(passage, customer);
  return forward(passage.edge.workers[region], passage, { actor: principal, body: bytes });
}

/** The home of a new user, by the body of the request; 422 for a region that the customer may not use, 503 for a closed one. */
export async function settleHome(passage: Passage, customer: Customer): Promise<{ region: Region; bytes: Uint8Array }> {
  const { value, bytes } = await readJson(passage.request);
  const body = validate(newUserSchema, value);
  const { allowed_regions: allowed, default_region: fallback } = customer;
  const region = body.region ?? regionForPlace({ country: passage.facts.country }, allowed, fallback);
  if (!allowed.includes(region)) throw invalid("region", "is not one of the customer's regions");
  await refuseClosed(passage, region);
  return { region, bytes };
}

/** `/v1/users/{id}`: served where the user is at home. Another customer's user is looked for at the caller's, and not found. */
export async function handleOneUser(passage: Passage, principal: Principal, id: string): Promise<Response> {
  if (!isId("user", id)) throw new AppError("not_found");
  const login = await passage.directory.byUser(id);
  const own = login !== null && login.customer_id === principal.customer_id;
  const region = own ? login.region : principal.region;
  await refuseClosed(passage, region);
  return forward(passage.edge.workers[region], passage, { actor: principal });
}

const cursorSchema = z.object({ region: regionSchema, cursor: z.string().nullable() });

type Cursor = z.infer<typeof cursorSchema>;

const pageSchema = z.object({ data: z.array(z.unknown()), next_cursor: z.string().nullable() });

/**
 * `GET /v1/users`: through the customer's regions in the order of the table, a page filled from as many as it needs. A closed region
 * is 503, not silently left out; `?region=` asks one.
 */
export async function handleListUsers(passage: Passage, principal: Principal, customer: Customer): Promise<Response> {
  const query = validate(listUsers.query, Object.fromEntries(passage.facts.url.searchParams));
  const regions = query.region === undefined ? customer.allowed_regions : [query.region];
  const data: unknown[] = [];
  let at: Cursor | null = startOf(query.cursor, regions);
  while (at !== null && data.length < query.limit) {
    // oxlint-disable-next-line no-await-in-loop -- a page of one region says whether the next is needed
    const page = await regionPage(passage, principal, at, query.limit - data.length);
    if (page instanceof Response) return page;
    data.push(...page.data);
    at = page.next_cursor === null ? nextRegion(regions, at.region) : { region: at.region, cursor: page.next_cursor };
  }
  return Response.json({ data, next_cursor: at === null ? null : base64url.encode(JSON.stringify(at)) });
}

async function regionPage(passage: Passage, principal: Principal, { region, cursor }: Cursor, limit: number) {
  await refuseClosed(passage, region);
  const url = new URL(passage.request.url);
  url.search = new URLSearchParams({ limit: String(limit), ...(cursor !== null && { cursor }) }).toString();
  const response = await forward(passage.edge.workers[region], passage, { actor: principal, url });
  if (!response.ok || passage.request.method === "HEAD") return response;
  return pageSchema.parse(await response.json());
}

function startOf(cursor: string | undefined, regions: readonly Region[]): Cursor | null {
  const [first] = regions;
  if (cursor === undefined) return first === undefined ? null : { region: first, cursor: null };
  const parsed = cursorSchema.safeParse(readJsonText(cursor));
  if (!parsed.success || !regions.includes(parsed.data.region)) throw invalid("cursor", "is not a cursor of this list");
  return parsed.data;
}

function readJsonText(cursor: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(base64url.decode(cursor)));
  } catch (cause) {
    throw new AppError("validation_failed", {
      errors: [{ path: "cursor", message: "is not a cursor of this list" }],
      cause,
    });
  }
}

function nextRegion(regions: readonly Region[], region: Region): Cursor | null {
  const next = regions[regions.indexOf(region) + 1];
  return next === undefined ? null : { region: next, cursor: null };
}
