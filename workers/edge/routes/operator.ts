import { z } from "zod";
import { AppError } from "../../../schema/errors.ts";
import { isRegion, regionForPlace, regionNames, regionSchema, type Region } from "../../../schema/regions.ts";
import { mayHaveChanged } from "../../serve/audit-entry.ts";
import { readUpTo } from "../../serve/read-body.ts";
import { bodyRules, failureResponse, queryOf } from "../../serve/serve.ts";
import { askRegion } from "../request/ask-region.ts";
import { authenticateOperator } from "../request/authenticate-operator.ts";
import { refuseForeignPage } from "../request/csrf.ts";
import { forward } from "../request/forward.ts";
import type { ClientRequest } from "../request/read-request.ts";
import type { ContractMatch, EdgeHandler } from "./handler.ts";
import { recordOperation } from "./record-operation.ts";

/** Operator routes: the edge authenticates, and global or a region serves. */
export const handleOperator: EdgeHandler = async (request, match, edge, waitUntil) => {
  refuseForeignPage(request.raw, request.url.origin);
  const id = await authenticateOperator(request.raw, edge);
  const caller = { kind: "operator", id } as const;
  if (match.contract.servedBy === "region") {
    const { region, body } = await chooseRegion(request, match);
    const forwarding = { caller, userHomes: null, body };
    return { kind: "passed", response: await askRegion(region, request, match, forwarding, edge, waitUntil) };
  }
  const asking = forward(edge.global, request, { caller, userHomes: null, body: null });
  const response = await asking.catch((cause: unknown) => failed(cause, request, match));
  // What was changed through this isolate is seen by it at once; by the others when their copy ages.
  if (mayHaveChanged(request.method, response.status)) edge.config.forget();
  return { kind: "own", response: await recordOperation(response, id, request, match, edge, waitUntil) };
};

function failed(cause: unknown, request: ClientRequest, { contract }: ContractMatch): Response {
  return failureResponse(new AppError("unavailable", { cause }), request, {
    worker: "edge",
    operation: contract.operationId,
  });
}

/**
 * The region to ask: the one that the query names, or that a new user is to be at home in. Where a request names none the first one
 * is asked: it refuses the request, or asks its peers.
 */
async function chooseRegion(
  { raw, url, country }: ClientRequest,
  { contract }: ContractMatch,
): Promise<{ readonly region: Region; readonly body: Uint8Array | null }> {
  if (contract.routing !== "new-user") {
    const named = queryOf(url)["region"];
    return { region: isRegion(named) ? named : regionNames[0], body: null };
  }
  const body = await readUpTo(raw, bodyRules(contract).limit);
  return { region: regionIn(body) ?? regionForPlace({ country }, regionNames, regionNames[0]), body };
}

const bodySchema = z.object({ region: regionSchema });

function regionIn(body: Uint8Array | null): Region | null {
  try {
    const parsed = bodySchema.safeParse(JSON.parse(new TextDecoder().decode(body ?? new Uint8Array())));
    return parsed.success ? parsed.data.region : null;
  } catch {
    return null;
  }
}
