import type { getLimits } from "../../../../schema/http/limits.ts";
import type { Handler } from "../../../serve/serve.ts";
import { principalOf } from "../../../serve/served.ts";

/** The caller's buckets after this request. */
export const handleGetLimits: Handler<typeof getLimits, RegionEnv> = async (_input, served) => {
  const { tier } = principalOf(served);
  return { status: 200, body: { tier, policies: served.quota?.limits ?? [], usage: served.quota?.usage ?? 0 } };
};
