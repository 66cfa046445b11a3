import { platformCustomerId } from "../../../schema/audit/entry.ts";
import { AppError } from "../../../schema/errors.ts";
import type { Caller } from "../../../schema/forwarded.ts";
import { isId } from "../../../schema/ids.ts";
import { regionNames } from "../../../schema/regions.ts";
import type { Subject } from "../../serve/audit-entry.ts";
import { authorize } from "../../serve/authorize.ts";
import { queryOf } from "../../serve/serve.ts";
import { settingsOf } from "../settings.ts";
import { attempted } from "./attempted.ts";
import { closedRegions } from "./configuration.ts";
import { finish, unknownCaller } from "./finish.ts";
import { record } from "./record.ts";
import { serveIn, serveInFirst, type Asked } from "./serve.ts";
import { settleHome } from "./settle-home.ts";

type OperatorCaller = Extract<Caller, { kind: "operator" }>;

/** An operator's request. It is recorded in the log of the customer that it is about, else in the platform's. */
export async function respondToOperator(asked: Asked, caller: OperatorCaller): Promise<Response> {
  const { received, match, env, invocation } = asked;
  const actor = { type: "operator", id: caller.id } as const;
  const attempt = await attempted(received, match, () => serveOperator(asked, actor));
  // What the edge asks every region for is recorded by the edge, once.
  const subject = match.contract.servedBy === "edge" ? null : await concernedBy(asked, caller);
  const request = { received, match, subject };
  const { response, settled } = await record(attempt.response, false, request, env, invocation.waitUntil);
  return finish(response, { ...unknownCaller, region: subject && settingsOf(env).region, settled });
}

async function serveOperator(
  asked: Asked,
  actor: { readonly type: "operator"; readonly id: string },
): Promise<Response> {
  const { request, received, match, env, invocation } = asked;
  const { contract, params } = match;
  authorize(contract.access, actor);
  const { region, config } = settingsOf(env);
  const { waitUntil } = invocation;
  if (contract.routing === "any" && queryOf(received.url)["region"] === undefined) {
    const regions = [region, ...regionNames.filter((other) => other !== region)];
    return serveInFirst(regions, actor, { closed: await closedRegions(env, waitUntil) }, asked, null);
  }
  // An operator may work on a region that is closed for its users.
  if (contract.routing !== "new-user") return serveIn(region, actor, { closed: new Set() }, asked, {}, null);
  const id = params["id"] ?? "";
  const customer = isId("customer", id) ? await config.customer(id, waitUntil) : null;
  if (customer === null) throw new AppError("not_found");
  const home = await settleHome(request, received.country, customer);
  return serveIn(home.region, actor, { closed: await closedRegions(env, waitUntil) }, asked, { body: home.body }, null);
}

/** Whose log an operator's request belongs to. */
async function concernedBy({ match, env, invocation }: Asked, caller: OperatorCaller): Promise<Subject> {
  const { contract, params } = match;
  const id = params["id"] ?? "";
  const about = contract.resource === "customer" || contract.routing === "new-user";
  const { config } = settingsOf(env);
  const customer =
    about && isId("customer", id) ? await config.customer(id, invocation.waitUntil).catch(() => null) : null;
  const detail = `operator ${caller.id}`;
  return { customerId: customer?.id ?? platformCustomerId, userId: null, apiKeyId: null, sessionId: null, detail };
}
