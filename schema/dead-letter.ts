import { z } from "zod";

/** A message that its consumer gave up on, as it travels to the dead-letter queue: `body` is what came, sealed as it was. */
export const deadLetterSchema = z.strictObject({
  v: z.literal(1),
  kind: z.literal("dead_letter"),
  id: z.string().min(1).max(128),
  queue: z.string(),
  reason: z.string(),
  body: z.string(),
});

/** A message that its consumer gave up on. */
export type DeadLetter = z.infer<typeof deadLetterSchema>;
