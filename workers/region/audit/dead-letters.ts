import { consumeDeadLetters } from "../../../queues/dead-letters/consume.ts";
import type { AuditMessage } from "../../../schema/audit/message.ts";
import type { DeadLetter } from "../../../schema/dead-letter.ts";
import { withClient } from "../../serve/database.ts";
import type { Invocation } from "../../serve/invocation.ts";
import { settingsOf } from "../settings.ts";

/** Consumes a batch of the region's dead letters: into its Postgres. */
export function keepDeadLetters(batch: MessageBatch, env: RegionEnv, invocation: Invocation): Promise<void> {
  return consumeDeadLetters(batch, (letters) => keep(env, letters, invocation));
}

/** Hands an audit message that can never be written to the dead-letter queue, sealed as it is. */
export async function bury(env: RegionEnv, message: AuditMessage, reason: string): Promise<void> {
  const queue = `domicile-audit-${settingsOf(env).region}`;
  const letter: DeadLetter = {
    v: 1,
    kind: "dead_letter",
    id: message.id,
    queue,
    reason,
    body: JSON.stringify(message),
  };
  await env.AUDIT_DEAD.send(letter, { contentType: "json" });
}

async function keep(env: RegionEnv, letters: readonly DeadLetter[], invocation: Invocation): Promise<void> {
  const rows = letters.map(({ id, queue, reason, body }) => ({ id, queue, reason, body: storable(body) }));
  await withClient(
    env.DB_AUDIT,
    (sql) => sql`
      insert into dead_letters (id, queue, reason, body, received_at)
        select id, queue, reason, body, now()
          from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as l(id text, queue text, reason text, body text)
        on conflict do nothing`,
    invocation,
  );
}

/** Text as Postgres can hold it. Only what was never ours has a NUL or half a surrogate in it. */
function storable(text: string): string {
  return text.replaceAll("\u0000", "\u{fffd}").toWellFormed();
}
