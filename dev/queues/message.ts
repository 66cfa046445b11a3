/** How a body was sent (https://developers.cloudflare.com/queues/configuration/javascript-apis/#queuescontenttype). */
export type ContentType = "text" | "json" | "bytes" | "v8";

/** A message that waits in a queue. */
export interface StoredMessage {
  readonly id: string;
  /** When it was accepted, epoch milliseconds. */
  readonly timestamp: number;
  readonly contentType: ContentType;
  /** Base64. */
  readonly body: string;
  /** Deliveries that reached a consumer. */
  readonly attempts: number;
  /** Not delivered before, epoch milliseconds. */
  readonly due: number;
}

/** A message as a Worker's `queue()` gets it, through `Fetcher.queue`. */
export function deliverable({ id, timestamp, contentType, body, attempts }: StoredMessage) {
  const bytes = Buffer.from(body, "base64");
  const about = { id, timestamp: new Date(timestamp), attempts: attempts + 1 };
  switch (contentType) {
    case "text":
      return { ...about, body: bytes.toString() };
    case "json":
      return { ...about, body: JSON.parse(bytes.toString()) as unknown };
    case "bytes":
      return { ...about, body: Uint8Array.from(bytes).buffer };
    case "v8":
      return { ...about, serializedBody: bytes };
  }
}
