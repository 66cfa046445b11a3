import { DurableObject } from "cloudflare:workers";

/** The object of one principal. It admits everyone. */
export class Gate extends DurableObject {
  admit() {
    return { kind: "admitted" };
  }
}

/** The region of the bare program: one RPC to the object of the principal, and one outbound fetch. */
export default {
  /**
   * @param {Request} request
   * @param {{ GATE: DurableObjectNamespace, ORIGIN: string }} env
   */
  async fetch(request, env) {
    const gate = env.GATE.get(env.GATE.idFromName(request.headers.get("authorization") ?? ""));
    await gate.admit();
    return fetch(new URL(new URL(request.url).pathname, env.ORIGIN), request);
  },
};
