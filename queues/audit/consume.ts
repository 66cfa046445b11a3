import { auditMessageSchema, type AuditMessage } from "../../schema/audit/message.ts";
import type { WriteOutcome } from "../../schema/audit/written.ts";
import type { DeadLetter } from "../../schema/dead-letter.ts";
import { deadLetterOf } from "../dead-letters/send.ts";

/** What the consumer reaches. */
export interface AuditConsumerPorts {
  /** Hands messages of one shard to its `AuditLog`; one outcome for each, in order. Rejects when the object cannot be reached. */
  readonly write: (shard: number, messages: readonly AuditMessage[]) => Promise<readonly WriteOutcome[]>;
  /** Resolves when the dead-letter queue has it. */
  readonly bury: (letter: DeadLetter) => Promise<unknown>;
}

/** The longest a message waits before it is tried again, in seconds: with a hundred retries, Postgres may be away for the most of a day. */
const maximumDelaySeconds = 600;

/**
 * Hands a batch to the shards' `AuditLog` objects and acknowledges each message on its own: written, or buried as poison. Everything else
 * comes again, later each time. It opens nothing: where a consumer runs is not for us to say.
 */
export async function consumeAudit(batch: MessageBatch, ports: AuditConsumerPorts): Promise<void> {
  const readable: { readonly message: Message; readonly body: AuditMessage }[] = [];
  const poison: { readonly message: Message; readonly reason: string }[] = [];
  for (const message of batch.messages) {
    const parsed = auditMessageSchema.safeParse(message.body);
    if (parsed.success) readable.push({ message, body: parsed.data });
    else poison.push({ message, reason: "malformed" });
  }
  const shards = Map.groupBy(readable, ({ body }) => body.shard);
  await Promise.all(
    [...shards].map(async ([shard, received]) => {
      const outcomes = await writeAll(shard, received, ports);
      for (const [at, { message }] of received.entries()) {
        const outcome = outcomes[at] ?? { kind: "away" };
        if (outcome.kind === "written") message.ack();
        else if (outcome.kind === "poison") poison.push({ message, reason: outcome.reason });
        else message.retry({ delaySeconds: delayOf(message.attempts) });
      }
    }),
  );
  await Promise.all(poison.map(({ message, reason }) => bury(message, reason, batch.queue, ports)));
}

async function writeAll(
  shard: number,
  received: readonly { readonly body: AuditMessage }[],
  ports: AuditConsumerPorts,
): Promise<readonly WriteOutcome[]> {
  try {
    return await ports.write(
      shard,
      received.map(({ body }) => body),
    );
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    console.error(JSON.stringify({ level: "error", event: "audit.log_unreachable", shard, error: name }));
    return [];
  }
}

async function bury(message: Message, reason: string, queue: string, ports: AuditConsumerPorts): Promise<void> {
  try {
    await ports.bury(deadLetterOf(message, queue, reason));
    message.ack();
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    console.error(JSON.stringify({ level: "error", event: "audit.not_buried", queue, reason, error: name }));
    message.retry({ delaySeconds: delayOf(message.attempts) });
  }
}

/** 1, 2, 4, … seconds, to ten minutes. */
function delayOf(attempts: number): number {
  return Math.min(2 ** Math.max(0, attempts - 1), maximumDelaySeconds);
}
