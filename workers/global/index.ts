import * as contract from "../../schema/http/operator.ts";
import { AppError } from "../../schema/errors.ts";
import { withInvocation } from "../serve/invocation.ts";
import { matchRoute } from "../serve/match-route.ts";
import { receive } from "../serve/receive.ts";
import { answer, createApp, failureResponse, serve } from "../serve/serve.ts";
import { servedOf } from "../serve/served.ts";
import { handleCreateCustomer } from "./routes/customers/create.ts";
import { handleGetCustomer } from "./routes/customers/get.ts";
import { handleListCustomers } from "./routes/customers/list.ts";
import { handleUpdateCustomer } from "./routes/customers/update.ts";
import { handleGetRegion } from "./routes/regions/get.ts";
import { handleListRegions } from "./routes/regions/list.ts";
import { handleUpdateRegion } from "./routes/regions/update.ts";
import { handleDeleteTier } from "./routes/tiers/delete.ts";
import { handleGetTier } from "./routes/tiers/get.ts";
import { handleListTiers } from "./routes/tiers/list.ts";
import { handlePutTier } from "./routes/tiers/put.ts";

export { ConfigReader } from "./config-reader.ts";
export { WebhookConfig } from "./webhook-config.ts";
export { LoginDirectory, LoginLookup } from "./login-directory.ts";

const worker = "global";
const app = createApp<GlobalEnv>();

serve(app, contract.createCustomer, handleCreateCustomer);
serve(app, contract.listCustomers, handleListCustomers);
serve(app, contract.getCustomer, handleGetCustomer);
serve(app, contract.updateCustomer, handleUpdateCustomer);
serve(app, contract.listTiers, handleListTiers);
serve(app, contract.getTier, handleGetTier);
serve(app, contract.putTier, handlePutTier);
serve(app, contract.deleteTier, handleDeleteTier);
serve(app, contract.listRegions, handleListRegions);
serve(app, contract.getRegion, handleGetRegion);
serve(app, contract.updateRegion, handleUpdateRegion);
serve(app, contract.putRegion, handleUpdateRegion);

/** Operator routes of the global configuration, reached from the edge over its private binding. */
export default {
  fetch(request, env, ctx): Promise<Response> {
    const received = receive(request);
    return withInvocation(ctx, async (invocation) => {
      const match = matchRoute(received.method, received.url.pathname);
      try {
        const { caller } = received;
        if (match.kind !== "contract" || caller.kind !== "operator") throw new AppError("not_found");
        const served = servedOf(received, { type: "operator", id: caller.id }, null, invocation);
        return await answer(app, match.contract, match.params, request, served, env);
      } catch (error) {
        const operation = match.kind === "contract" ? match.contract.operationId : "none";
        return failureResponse(error, received, { worker, operation });
      }
    });
  },
} satisfies ExportedHandler<GlobalEnv>;
