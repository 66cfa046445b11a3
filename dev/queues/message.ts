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
