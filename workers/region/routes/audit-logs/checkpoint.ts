import { consistencyProof } from "../../../../durable-objects/audit-log/tree/proofs.ts";
import type { getCheckpoint, proveConsistency } from "../../../../schema/http/audit-logs.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";
import { invalid } from "../../../serve/validate.ts";
import { signNow } from "../../audit/checkpoints.ts";
import { asReader } from "../../audit/read.ts";
import { treeSize } from "../../audit/store.ts";
import { treeHashes } from "../../audit/tree-hashes.ts";

/** The customer's log as it is now, signed. */
export const handleGetCheckpoint: Handler<typeof getCheckpoint, RegionEnv> = async (_input, served, env) => {
  const { size, note, verifierKey } = await signNow(env, principalOf(served).customer_id);
  return { status: 200, body: { tree_size: size, checkpoint: note, verifier_key: verifierKey } };
};

/** Proves that the tree of `second` leaves begins with that of `first`. */
export const handleProveConsistency: Handler<typeof proveConsistency, RegionEnv> = async ({ query }, served, env) => {
  const { customer_id: customerId } = principalOf(served);
  const { first, second } = query;
  if (first > second) throw invalid("first", "must not be greater than second");
  const proof = await asReader(env.DB, customerId, served.invocation, async (sql) => {
    if (second > (await treeSize(sql, customerId))) throw invalid("second", "is greater than the tree");
    return consistencyProof(treeHashes(sql, customerId), first, second);
  });
  return { status: 200, body: { first, second, proof: proof.map((hash) => Buffer.from(hash).toString("base64")) } };
};
