import { withClient } from "../../serve/database.ts";
import { settingsOf } from "../settings.ts";

/** Keys that are rewrapped at once. */
const batchRows = 200;

/** How a rewrapping went; `waiting`: keys that another key than the first still wraps. */
export interface Rewrapped {
  readonly rewrapped: number;
  readonly waiting: number;
}

/**
 * Wraps the data keys of the audit log anew under the ring's first key, for `budgetMs` at most, so that an older key can be taken away.
 * A key that is destroyed meanwhile stays destroyed: only the value that was read is replaced.
 */
export function rewrapDataKeys(
  env: RegionEnv,
  budgetMs: number,
  waitUntil: (promise: Promise<unknown>) => void,
): Promise<Rewrapped> {
  const { audit, dataKeys } = settingsOf(env);
  const deadline = Date.now() + budgetMs;
  return withClient(
    env.DB_AUDIT,
    async (sql) => {
      const name = Buffer.from(dataKeys.current);
      const current = Buffer.concat([Uint8Array.of(name.length), name]);
      const stale = sql`wrapped is not null and substring(wrapped from 1 for ${current.length}) <> ${current}`;
      let rewrapped = 0;
      for (let more = true; more && Date.now() < deadline;) {
        // oxlint-disable no-await-in-loop -- a batch after the other
        const rows = await sql<{ customer_id: string; subject_id: string; wrapped: Uint8Array }[]>`
          select customer_id, subject_id, wrapped from audit_data_keys where ${stale} limit ${batchRows}`;
        for (const { customer_id: customerId, subject_id: subjectId, wrapped } of rows) {
          const subject = { customerId, subjectId };
          const anew = await audit.wrap(subject, await audit.unwrap(subject, wrapped));
          const { count } = await sql`update audit_data_keys set wrapped = ${Buffer.from(anew)}
            where customer_id = ${customerId} and subject_id = ${subjectId} and wrapped = ${Buffer.from(wrapped)}`;
          rewrapped += count;
        }
        more = rows.length === batchRows;
        // oxlint-enable no-await-in-loop
      }
      const [left] = await sql<{ waiting: string }[]>`select count(*) as waiting from audit_data_keys where ${stale}`;
      return { rewrapped, waiting: Number(left?.waiting ?? 0) };
    },
    waitUntil,
  );
}
