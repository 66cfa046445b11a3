import { AppError } from "../../schema/errors.ts";
import { forwardedHeader } from "../../schema/forwarded.ts";
import * as apiKeys from "../../schema/http/api-keys.ts";
import * as auditLogs from "../../schema/http/audit-logs.ts";
import * as deliveries from "../../schema/http/deliveries.ts";
import * as events from "../../schema/http/events.ts";
import * as me from "../../schema/http/me.ts";
import { createCustomerUser } from "../../schema/http/operator.ts";
import * as operations from "../../schema/http/operations.ts";
import * as publicKeys from "../../schema/http/public-keys.ts";
import * as sessions from "../../schema/http/sessions.ts";
import * as users from "../../schema/http/users.ts";
import * as endpoints from "../../schema/http/webhook-endpoints.ts";
import { problemResponse } from "../../schema/problem.ts";
import { withInvocation, type Invocation } from "../serve/invocation.ts";
import { logFailure } from "../serve/log-failure.ts";
import { createApp, serve } from "../serve/serve.ts";
import { principalOf, readServed } from "../serve/served.ts";
import { keepDeadLetters } from "./audit/dead-letters.ts";
import { runRetention } from "./audit/retention/run.ts";
import { writeAudit } from "./audit/write.ts";
import { once } from "./idempotency/once.ts";
import { handleCreateApiKey } from "./routes/api-keys/create.ts";
import { handleDeleteApiKey } from "./routes/api-keys/delete.ts";
import { handleListApiKeys } from "./routes/api-keys/list.ts";
import { handleRotateApiKey } from "./routes/api-keys/rotate.ts";
import { handleGetCheckpoint, handleProveConsistency } from "./routes/audit-logs/checkpoint.ts";
import { handleExportAuditLogs } from "./routes/audit-logs/export.ts";
import { handleGetAuditLog } from "./routes/audit-logs/get.ts";
import { handleListAuditLogs } from "./routes/audit-logs/list.ts";
import { handleProveAuditLog } from "./routes/audit-logs/prove.ts";
import { handleRecentAuditLogs } from "./routes/audit-logs/recent.ts";
import { handleDecryptDelivery } from "./routes/deliveries/decrypt.ts";
import { handleGetDelivery } from "./routes/deliveries/get.ts";
import { handleListDeliveries } from "./routes/deliveries/list.ts";
import { handleRetryDelivery } from "./routes/deliveries/retry.ts";
import { handleCreateEvents } from "./routes/events/create-batch.ts";
import { handleCreateEvent } from "./routes/events/create.ts";
import { handleDecryptEvent, handleOperatorDecryptEvent } from "./routes/events/decrypt.ts";
import { handleGetEvent } from "./routes/events/get.ts";
import { handleListEvents } from "./routes/events/list.ts";
import { handleGetMe } from "./routes/me/get.ts";
import { handleUpdateMe } from "./routes/me/update.ts";
import { handleListAuditDays, handleRestoreAuditDay, handleRunAuditRetention } from "./routes/operations/audit-days.ts";
import {
  handleListDeadLetters,
  handleReplayDeadLetter,
  handleReplayDeadLetters,
} from "./routes/operations/dead-letters.ts";
import { handleDestroyCustomerDataKeys } from "./routes/operations/customer-data-keys.ts";
import { handleRewrapDataKeys } from "./routes/operations/data-keys.ts";
import { handleRegionMetrics } from "./routes/operations/metrics.ts";
import { handleCreatePublicKey } from "./routes/public-keys/create.ts";
import { handleDeletePublicKey } from "./routes/public-keys/delete.ts";
import { handleListPublicKeys } from "./routes/public-keys/list.ts";
import { handleRotatePublicKey } from "./routes/public-keys/rotate.ts";
import { handleCreateSession } from "./routes/sessions/create.ts";
import { handleDeleteSession, handleDeleteSessions } from "./routes/sessions/delete.ts";
import { handleListSessions } from "./routes/sessions/list.ts";
import { handleRenewSession } from "./routes/sessions/renew.ts";
import { handleCreateCustomerUser, handleCreateUser } from "./routes/users/create.ts";
import { handleDeleteUser } from "./routes/users/delete.ts";
import { handleGetUser } from "./routes/users/get.ts";
import { handleListUsers } from "./routes/users/list.ts";
import { handleUpdateUser } from "./routes/users/update.ts";
import { handleCreateWebhookEndpoint } from "./routes/webhook-endpoints/create.ts";
import { handleDeleteWebhookEndpoint } from "./routes/webhook-endpoints/delete.ts";
import { handleGetWebhookEndpoint } from "./routes/webhook-endpoints/get.ts";
import { handleListWebhookEndpoints } from "./routes/webhook-endpoints/list.ts";
import { handleRecoverWebhookEndpoint } from "./routes/webhook-endpoints/recover.ts";
import { handleRevealWebhookSecret, handleRotateWebhookSecret } from "./routes/webhook-endpoints/secret.ts";
import { handleTestWebhookEndpoint } from "./routes/webhook-endpoints/send-test.ts";
import { handleUpdateWebhookEndpoint } from "./routes/webhook-endpoints/update.ts";
import { rewrapDataKeys } from "./sealing/rewrap.ts";
import { settingsOf } from "./settings.ts";
import { proxy } from "./upstream/proxy.ts";
import { wakeCouriers } from "./webhooks/consume.ts";
import { forgetOldEvents } from "./webhooks/forget.ts";
import { publishAnew } from "./webhooks/publish.ts";
import { sweep } from "./webhooks/sweep.ts";

export { AuditLog, Courier, EventWriter, Gate, SignInGuard } from "./objects.ts";

const worker = "region";
/** How long a night's work may take, in milliseconds: a cron may run for 15 minutes; the next night goes on. */
const nightlyMs = 600_000;
/** The cron of the sweeper, as `wrangler.<region>.toml` has it. */
const everyMinute = "* * * * *";
const app = createApp<RegionEnv>(worker);

app.get("/.well-known/jwks.json", (c) => c.json(settingsOf(c.env).keys.jwks()));

serve(app, worker, sessions.createSession, handleCreateSession);
serve(app, worker, sessions.listSessions, handleListSessions);
serve(app, worker, sessions.deleteSession, handleDeleteSession);
serve(app, worker, sessions.deleteSessions, handleDeleteSessions);
serve(app, worker, sessions.renewSession, handleRenewSession);
serve(app, worker, me.getMe, handleGetMe);
serve(app, worker, me.updateMe, handleUpdateMe);
serve(app, worker, users.createUser, handleCreateUser, once);
serve(app, worker, users.listUsers, handleListUsers);
serve(app, worker, users.getUser, handleGetUser);
serve(app, worker, users.updateUser, handleUpdateUser);
serve(app, worker, users.deleteUser, handleDeleteUser);
serve(app, worker, createCustomerUser, handleCreateCustomerUser);
serve(app, worker, apiKeys.createApiKey, handleCreateApiKey, once);
serve(app, worker, apiKeys.listApiKeys, handleListApiKeys);
serve(app, worker, apiKeys.deleteApiKey, handleDeleteApiKey);
serve(app, worker, apiKeys.rotateApiKey, handleRotateApiKey, once);
serve(app, worker, auditLogs.listAuditLogs, handleListAuditLogs);
serve(app, worker, auditLogs.recentAuditLogs, handleRecentAuditLogs);
serve(app, worker, auditLogs.getCheckpoint, handleGetCheckpoint);
serve(app, worker, auditLogs.proveConsistency, handleProveConsistency);
serve(app, worker, auditLogs.exportAuditLogs, handleExportAuditLogs);
serve(app, worker, auditLogs.getAuditLog, handleGetAuditLog);
serve(app, worker, auditLogs.proveAuditLog, handleProveAuditLog);
serve(app, worker, events.createEvent, handleCreateEvent);
serve(app, worker, events.createEvents, handleCreateEvents);
serve(app, worker, events.listEvents, handleListEvents);
serve(app, worker, events.getEvent, handleGetEvent);
serve(app, worker, events.decryptEvent, handleDecryptEvent);
serve(app, worker, endpoints.createWebhookEndpoint, handleCreateWebhookEndpoint, once);
serve(app, worker, endpoints.listWebhookEndpoints, handleListWebhookEndpoints);
serve(app, worker, endpoints.getWebhookEndpoint, handleGetWebhookEndpoint);
serve(app, worker, endpoints.updateWebhookEndpoint, handleUpdateWebhookEndpoint);
serve(app, worker, endpoints.deleteWebhookEndpoint, handleDeleteWebhookEndpoint);
serve(app, worker, endpoints.rotateWebhookSecret, handleRotateWebhookSecret, once);
serve(app, worker, endpoints.revealWebhookSecret, handleRevealWebhookSecret);
serve(app, worker, endpoints.testWebhookEndpoint, handleTestWebhookEndpoint);
serve(app, worker, endpoints.recoverWebhookEndpoint, handleRecoverWebhookEndpoint);
serve(app, worker, deliveries.listDeliveries, handleListDeliveries);
serve(app, worker, deliveries.getDelivery, handleGetDelivery);
serve(app, worker, deliveries.retryDelivery, handleRetryDelivery);
serve(app, worker, deliveries.decryptDelivery, handleDecryptDelivery);
serve(app, worker, publicKeys.createPublicKey, handleCreatePublicKey, once);
serve(app, worker, publicKeys.listPublicKeys, handleListPublicKeys);
serve(app, worker, publicKeys.rotatePublicKey, handleRotatePublicKey, once);
serve(app, worker, publicKeys.deletePublicKey, handleDeletePublicKey);
serve(app, worker, operations.operatorDecryptEvent, handleOperatorDecryptEvent);
serve(app, worker, operations.destroyCustomerDataKeys, handleDestroyCustomerDataKeys);
serve(app, worker, operations.listDeadLetters, handleListDeadLetters);
serve(app, worker, operations.replayDeadLetter, handleReplayDeadLetter);
serve(app, worker, operations.replayDeadLetters, handleReplayDeadLetters);
serve(app, worker, operations.listAuditDays, handleListAuditDays);
serve(app, worker, operations.runAuditRetention, handleRunAuditRetention);
serve(app, worker, operations.restoreAuditDay, handleRestoreAuditDay);
serve(app, worker, operations.rewrapDataKeys, handleRewrapDataKeys);
serve(app, worker, operations.getMetrics, handleRegionMetrics);

/** A region: its own routes, and the customers' own APIs for every path that is not the platform's. */
export default {
  fetch(request, env, ctx): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    return isOwn(pathname) ? app.fetch(request, env, ctx) : toUpstream(request, pathname, env, ctx);
  },
  queue(batch, env, ctx) {
    if (batch.queue.endsWith("-dead"))
      return withInvocation(ctx, (invocation) => keepDeadLetters(batch, env, invocation));
    return batch.queue.startsWith("domicile-webhooks-") ? wakeCouriers(batch, env) : writeAudit(batch, env);
  },
  async scheduled(controller, env, ctx) {
    const minutely = controller.cron === everyMinute;
    try {
      await withInvocation(ctx, (invocation) =>
        minutely ? sweep(env, invocation) : everyNight(env, controller.scheduledTime, invocation),
      );
    } catch (error) {
      logFailure(error, { worker, requestId: "", operation: minutely ? "sweep" : "retention" });
      throw error;
    }
  },
} satisfies ExportedHandler<RegionEnv>;

async function everyNight(env: RegionEnv, time: number, invocation: Invocation): Promise<void> {
  const chores = [
    () => rewrapDataKeys(env, nightlyMs / 4, invocation),
    () => forgetOldEvents(env, time, nightlyMs / 4, invocation),
    () => publishAnew(env, invocation),
    () => runRetention(env, time, nightlyMs, invocation),
  ];
  const failures: unknown[] = [];
  for (const chore of chores) {
    // One that fails keeps none of the others from being done.
    // oxlint-disable-next-line no-await-in-loop -- one after the other: each is work for the same database
    await chore().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}

function isOwn(pathname: string): boolean {
  return /^\/(?:v1|operator|\.well-known)(?:\/|$)/.test(pathname);
}

async function toUpstream(request: Request, path: string, env: RegionEnv, ctx: ExecutionContext): Promise<Response> {
  const requestId = request.headers.get(forwardedHeader.requestId) ?? "";
  try {
    return await withInvocation(ctx, (invocation) => {
      const served = readServed(request, new Uint8Array(), invocation);
      return proxy(request, principalOf(served), served, env);
    });
  } catch (error) {
    if (!(error instanceof AppError)) logFailure(error, { worker, requestId, operation: "proxy" });
    return problemResponse(error, { requestId, path });
  }
}
