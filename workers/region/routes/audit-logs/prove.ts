import { leafHash } from "../../../../durable-objects/audit-log/tree/hash.ts";
import { inclusionProof } from "../../../../durable-objects/audit-log/tree/proofs.ts";
import { leafBytes } from "../../../../schema/audit/leaf.ts";
import { AppError } from "../../../../schema/errors.ts";
import type { proveAuditLog } from "../../../../schema/http/audit-logs.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { checkpointCovering, signNow } from "../../audit/checkpoints.ts";
import { onlyRecordsOf } from "../../audit/may-read.ts";
import { leafOf } from "../../audit/present.ts";
import { asReader, findRecord } from "../../audit/read.ts";
import { treeHashes } from "../../audit/tree-hashes.ts";

/** Proves that a record is in the customer's log, under the oldest checkpoint that covers it, or under a new one. */
export const handleProveAuditLog: Handler<typeof proveAuditLog, RegionEnv> = async ({ params }, served, env) => {
  const principal = principalOf(served);
  const { customer_id: customerId } = principal;
  const only = onlyRecordsOf(principal);
  const found = await asReader(env.DB, customerId, served.invocation, async (sql) => {
    const row = await findRecord(sql, customerId, params.id);
    if (row === null || (only !== null && row.user_id !== only)) throw new AppError("not_found");
    return { row, checkpoint: await checkpointCovering(env, sql, customerId, Number(row.leaf_index)) };
  });
  const checkpoint = found.checkpoint ?? (await signNow(env, customerId));
  const index = Number(found.row.leaf_index);
  const proof = await asReader(env.DB, customerId, served.invocation, (sql) =>
    inclusionProof(treeHashes(sql, customerId), index, checkpoint.size),
  );
  const leaf = leafBytes(leafOf(found.row));
  return {
    status: 200,
    body: {
      leaf_index: index,
      tree_size: checkpoint.size,
      leaf: new TextDecoder().decode(leaf),
      leaf_hash: Buffer.from(leafHash(leaf)).toString("base64"),
      proof: proof.map((hash) => Buffer.from(hash).toString("base64")),
      checkpoint: checkpoint.note,
      verifier_key: checkpoint.verifierKey,
    },
  };
};
