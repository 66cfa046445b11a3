import type { UserHomes } from "../../../schema/forwarded.ts";
import { isId } from "../../../schema/ids.ts";
import { logFailure } from "../../serve/log-failure.ts";
import type { Match } from "../../serve/match-route.ts";
import { readUpTo } from "../../serve/read-body.ts";
import { bodyRules } from "../../serve/serve.ts";
import type { Edge } from "../settings.ts";
import type { ClientRequest } from "./read-request.ts";

/** The homes of the users that a request names, and its body if it had to be read for that. */
export interface LookedUp {
  /** Null: the directory could not be reached, or there was nothing to look for. */
  readonly userHomes: UserHomes | null;
  readonly body: Uint8Array | null;
}

/** Users that one request may name. */
const maximumUsers = 100;

/** Looks up the users that a request names, in one call to the login directory. The region validates the body. */
export async function lookUpUsers(request: ClientRequest, match: Match, edge: Edge): Promise<LookedUp> {
  if (match.kind !== "contract") return { userHomes: null, body: null };
  const { contract, params } = match;
  switch (contract.routing) {
    case "user":
      return { userHomes: await homesOf([params["id"] ?? ""], request, edge), body: null };
    case "subject":
    case "subjects": {
      const body = await readUpTo(request.raw, bodyRules(contract).limit);
      return { userHomes: await homesOf(userIdsIn(body), request, edge), body };
    }
    default:
      return { userHomes: null, body: null };
  }
}

/** A user never changes its home, so what was found once holds. Whether the user still exists, the home knows. */
async function homesOf(ids: readonly string[], { requestId }: ClientRequest, edge: Edge): Promise<UserHomes | null> {
  const wanted = [...new Set(ids)].filter((id) => isId("user", id)).slice(0, maximumUsers);
  const unknown = wanted.filter((id) => !edge.homes.has(id));
  try {
    const found = unknown.length === 0 ? {} : await edge.directory.byUsers(unknown);
    for (const [id, { customer_id, region }] of Object.entries(found)) edge.homes.set(id, { customer_id, region });
    return Object.fromEntries(
      wanted.flatMap((id) => {
        const login = found[id] ?? edge.homes.get(id);
        return login === undefined ? [] : [[id, { customer_id: login.customer_id, region: login.region }]];
      }),
    );
  } catch (error) {
    logFailure(error, { worker: "edge", requestId, operation: "directory" });
    return null;
  }
}

/** The ids that a JSON body has as `user_id`, at the top or in each of `events`. */
function userIdsIn(body: Uint8Array | null): string[] {
  const value = parseJson(body);
  if (typeof value !== "object" || value === null) return [];
  const events: unknown = "events" in value ? value.events : [];
  return [value, ...(Array.isArray(events) ? (events as unknown[]) : [])].flatMap((one) =>
    typeof one === "object" && one !== null && "user_id" in one && typeof one.user_id === "string" ? [one.user_id] : [],
  );
}

function parseJson(body: Uint8Array | null): unknown {
  try {
    return body === null ? null : JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}
