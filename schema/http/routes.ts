import { apiKeyRoutes } from "./api-keys.ts";
import { auditLogRoutes } from "./audit-logs.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { eventRoutes } from "./events.ts";
import { limitRoutes } from "./limits.ts";
import { meRoutes } from "./me.ts";
import { operationRoutes } from "./operations.ts";
import { operatorRoutes } from "./operator.ts";
import { platformRoutes } from "./platform.ts";
import { publicKeyRoutes } from "./public-keys.ts";
import type { RouteContract } from "./route.ts";
import { sessionRoutes } from "./sessions.ts";
import { userRoutes } from "./users.ts";
import { webhookEndpointRoutes } from "./webhook-endpoints.ts";

/** Every route of the HTTP contract, in the order of the documentation. */
export const routes: readonly RouteContract[] = [
  ...platformRoutes,
  ...sessionRoutes,
  ...meRoutes,
  ...userRoutes,
  ...apiKeyRoutes,
  ...limitRoutes,
  ...auditLogRoutes,
  ...eventRoutes,
  ...webhookEndpointRoutes,
  ...deliveryRoutes,
  ...publicKeyRoutes,
  ...operatorRoutes,
  ...operationRoutes,
];
