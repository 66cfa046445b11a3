import { EventWriterClient } from "../../../durable-objects/event-writer/client.ts";
import type { EventWriterObject } from "../../../durable-objects/event-writer/event-writer.ts";
import { objectIn } from "../../../durable-objects/jurisdiction.ts";
import { shardOf } from "../../../schema/shard.ts";
import { settingsOf } from "../settings.ts";

/** The event writer of a customer in this region. */
export function eventWriterOf(env: RegionEnv, customerId: string): EventWriterClient {
  const { region, environment, eventShards } = settingsOf(env);
  const name = `shard-${shardOf(customerId, eventShards)}`;
  const namespace = env.EVENT_WRITER as unknown as DurableObjectNamespace<EventWriterObject<RegionEnv>>;
  return new EventWriterClient(() => objectIn(namespace, region, name, environment));
}
