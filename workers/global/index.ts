import * as contract from "../../schema/http/operator.ts";
import { createApp, serve } from "../serve/serve.ts";
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
const app = createApp<GlobalEnv>(worker);

serve(app, worker, contract.createCustomer, handleCreateCustomer);
serve(app, worker, contract.listCustomers, handleListCustomers);
serve(app, worker, contract.getCustomer, handleGetCustomer);
serve(app, worker, contract.updateCustomer, handleUpdateCustomer);
serve(app, worker, contract.listTiers, handleListTiers);
serve(app, worker, contract.getTier, handleGetTier);
serve(app, worker, contract.putTier, handlePutTier);
serve(app, worker, contract.deleteTier, handleDeleteTier);
serve(app, worker, contract.listRegions, handleListRegions);
serve(app, worker, contract.getRegion, handleGetRegion);
serve(app, worker, contract.updateRegion, handleUpdateRegion);
serve(app, worker, contract.putRegion, handleUpdateRegion);

/** Operator routes of the global configuration, reached from the edge over its private binding. */
export default app satisfies ExportedHandler<GlobalEnv>;
