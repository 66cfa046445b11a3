import type { rewrapDataKeys as contract } from "../../../../schema/http/operations.ts";
import type { Handler } from "../../../serve/serve.ts";
import { rewrapDataKeys } from "../../sealing/rewrap.ts";

/** How long one request may rewrap, in milliseconds. */
const sliceMs = 10_000;

/** A part of the nightly rewrapping, now. */
export const handleRewrapDataKeys: Handler<typeof contract, RegionEnv> = async (_input, served, env) => ({
  status: 200,
  body: await rewrapDataKeys(env, sliceMs, served.invocation),
});
