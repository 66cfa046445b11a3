import { base64url } from "jose";
import { z } from "zod";
import { AppError } from "../../../schema/errors.ts";
import { listUsers } from "../../../schema/http/users.ts";
import { regionSchema, type Region } from "../../../schema/regions.ts";
import type { Received } from "../../serve/receive.ts";
import { queryOf } from "../../serve/serve.ts";
import { invalid, validate } from "../../serve/validate.ts";

const cursorSchema = z.object({ region: regionSchema, cursor: z.string().nullable() });

type Cursor = z.infer<typeof cursorSchema>;

const pageSchema = z.object({ data: z.array(z.unknown()), next_cursor: z.string().nullable() });

/**
 * Lists through the customer's regions in the order of the table, a page filled from as many as it needs. `?region=` lists one. A
 * closed region is 503, and not left out: `ask` refuses it.
 */
export async function listEach(
  { method, url }: Received,
  allowed: readonly Region[],
  ask: (region: Region, url: URL) => Promise<Response>,
): Promise<Response> {
  const query = validate(listUsers.query, queryOf(url));
  const regions = query.region === undefined ? allowed : [query.region];
  const data: unknown[] = [];
  let at: Cursor | null = startOf(query.cursor, regions);
  while (at !== null && data.length < query.limit) {
    const asked = new URL(url);
    const { cursor } = at;
    const rest = { limit: String(query.limit - data.length), ...(cursor !== null && { cursor }) };
    asked.search = new URLSearchParams(rest).toString();
    // oxlint-disable-next-line no-await-in-loop -- a page of one region says whether the next is needed
    const response = await ask(at.region, asked);
    if (!response.ok || method === "HEAD") return response;
    // oxlint-disable-next-line no-await-in-loop -- the same
    const page = pageSchema.parse(await response.json());
    data.push(...page.data);
    at = page.next_cursor === null ? nextRegion(regions, at.region) : { region: at.region, cursor: page.next_cursor };
  }
  return Response.json({ data, next_cursor: at === null ? null : base64url.encode(JSON.stringify(at)) });
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
