import type postgres from "postgres";
import type { HashSource } from "../../../durable-objects/audit-log/tree/hash-source.ts";

/** Bytes of a SHA-256. */
const hashBytes = 32;

/** The nodes of a customer's tree, read with the connection `sql`; row-level security is the caller's. Throws when some are missing. */
export function treeHashes(sql: postgres.ISql, customerId: string): HashSource {
  return {
    nodes: async (level, first, count) => {
      // A row holds consecutive nodes; the one in which `first` is begins at or before it.
      const rows = await sql<{ first: string; hashes: Uint8Array }[]>`
        select first, hashes from audit_tree
          where customer_id = ${customerId} and level = ${level} and first < ${first + count} and first >= coalesce((
            select max(first) from audit_tree where customer_id = ${customerId} and level = ${level} and first <= ${first}), 0)
          order by first`;
      const found: Uint8Array[] = [];
      for (const row of rows) {
        const begin = Number(row.first);
        for (let at = 0; at < row.hashes.length / hashBytes; at++) {
          if (begin + at === first + found.length && found.length < count)
            found.push(Uint8Array.from(row.hashes.subarray(at * hashBytes, (at + 1) * hashBytes)));
        }
      }
      if (found.length < count) throw new Error("nodes of an audit tree are missing");
      return found;
    },
  };
}
