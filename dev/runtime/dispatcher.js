import unsafe from "workerd:unsafe";

// The dispatcher: a Worker of this machine only. It receives queue batches and cron runs over plain HTTP and passes them to the handlers of
// the other Workers through service bindings. Miniflare's own way in, `getWorker().queue()`, blocks the calling thread, and a thread
// that also drains workerd's output must never block (docs/decisions/0008-platform-on-one-machine.md).
export default {
  /**
   * `POST /queue/<worker>/<queue>` with messages, or `POST /scheduled/<worker>` with `{time, cron}`; responds with what workerd returns.
   * `POST /fetch/<worker>` with `{url, method, headers}`: the response of its `fetch()`, for Workers that have no public route.
   * `POST /abort` ends every Durable Object at once, as Cloudflare may end one at any time: its calls fail, its memory is lost.
   *
   * @param {Request} request
   * @param {Record<string, any>} env service bindings by Worker name, and `TOKEN`, which every request must carry
   */
  async fetch(request, env) {
    if (request.headers.get("authorization") !== `Bearer ${env.TOKEN}`) return new Response(null, { status: 401 });
    const [, kind, worker = "", queue = ""] = new URL(request.url).pathname.split("/").map(decodeURIComponent);
    const body = await request.json();
    try {
      if (kind === "queue") return Response.json(await env[worker].queue(queue, body.map(readMessage)));
      if (kind === "abort") {
        await unsafe.abortAllDurableObjects();
        return Response.json(null);
      }
      if (kind === "fetch") return await env[worker].fetch(body.url, { method: body.method, headers: body.headers });
      const { time, cron } = body;
      return Response.json(await env[worker].scheduled({ scheduledTime: new Date(time), cron }));
    } catch (error) {
      return Response.json({ error: String(error) }, { status: 500 });
    }
  },
};

/**
 * A message as `Fetcher.queue()` takes it. https://developers.cloudflare.com/queues/configuration/javascript-apis/#queuescontenttype
 *
 * @param {{ id: string, timestamp: number, attempts: number, contentType: string, body: string }} message `body` is base64
 */
function readMessage({ id, timestamp, attempts, contentType, body }) {
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  const facts = { id, timestamp: new Date(timestamp), attempts: attempts + 1 };
  if (contentType === "text") return { ...facts, body: new TextDecoder().decode(bytes) };
  if (contentType === "json") return { ...facts, body: JSON.parse(new TextDecoder().decode(bytes)) };
  if (contentType === "bytes") return { ...facts, body: bytes.buffer };
  return { ...facts, serializedBody: bytes };
}
