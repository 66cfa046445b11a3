import { forwardedHeader } from "../../schema/forwarded.ts";
import { withInvocation, type Invocation } from "../serve/invocation.ts";
import { logFailure } from "../serve/log-failure.ts";
import { keepDeadLetters } from "./audit/dead-letters.ts";
import { runRetention } from "./audit/retention/run.ts";
import { writeAudit } from "./audit/write.ts";
import { respondToEdge } from "./request/respond-to-edge.ts";
import { respond } from "./request/respond.ts";
import { rewrapDataKeys } from "./sealing/rewrap.ts";
import { wakeCouriers } from "./webhooks/consume.ts";
import { forgetOldEvents } from "./webhooks/forget.ts";
import { publishAnew } from "./webhooks/publish.ts";
import { sweep } from "./webhooks/sweep.ts";

export { AuditLog, Courier, EventWriter, Gate, SignInGuard } from "./objects.ts";

const worker = "region";
/** How long the nightly job may take, in milliseconds: a cron may run for 15 minutes; the next night goes on. */
const nightlyMs = 600_000;
/** The cron of the sweeper, as `wrangler.<region>.toml` has it. */
const everyMinute = "* * * * *";

/** A region: its own routes, and the customers' own APIs for every path that is not the platform's. */
export default {
  fetch(request, env, ctx): Response | Promise<Response> {
    // Every request of a client has a caller. Without one, the edge asks for itself.
    return request.headers.has(forwardedHeader.caller)
      ? respond(request, env, ctx)
      : respondToEdge(request, env, (promise) => ctx.waitUntil(promise));
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
    // A failure does not stop the others.
    // oxlint-disable-next-line no-await-in-loop -- one after the other: each is work for the same database
    await chore().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
