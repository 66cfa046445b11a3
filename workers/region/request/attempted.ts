import type { Match } from "../../serve/match-route.ts";
import type { Received } from "../../serve/receive.ts";
import { failureResponse } from "../../serve/serve.ts";

/** A response of `work`, or the problem that it ended with (`served` false). */
export async function attempted(
  received: Received,
  match: Match,
  work: () => Promise<Response>,
): Promise<{ readonly response: Response; readonly served: boolean }> {
  try {
    return { response: await work(), served: true };
  } catch (error) {
    const operation = match.kind === "contract" ? match.contract.operationId : "proxy";
    return { response: failureResponse(error, received, { worker: "region", operation }), served: false };
  }
}
