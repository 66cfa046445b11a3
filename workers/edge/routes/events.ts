import { z } from "zod";
import { createEvent } from "../../../schema/http/events.ts";
import { idSchema } from "../../../schema/ids.ts";
import type { Principal } from "../../../schema/principal.ts";
import type { Region } from "../../../schema/regions.ts";
import { readJson } from "../../serve/read-body.ts";
import { bodyRules } from "../../serve/serve.ts";
import { invalid } from "../../serve/validate.ts";
import { forward } from "../stages/forward.ts";
import { refuseClosed } from "../stages/locate.ts";
import type { Passage } from "../stages/passage.ts";

/** The one member of an event that the edge reads: what is wrong with the others, the region says. */
export const aboutSchema = z.object({ user_id: idSchema("user") });

/** `POST /v1/events`: kept in the home region of the user it is about, else in the caller's. 422 for somebody who is no user of the customer. */
export async function handleCreateEvent(passage: Passage, principal: Principal): Promise<Response> {
  const { value, bytes } = await readJson(passage.request, bodyRules(createEvent));
  const about = aboutSchema.safeParse(value);
  // What is wrong with the body besides, the region says.
  const region = about.success ? await homeOf(passage, principal, about.data.user_id) : principal.region;
  await refuseClosed(passage, region);
  return forward(passage.edge.workers[region], passage, { actor: principal, body: bytes });
}

async function homeOf({ edge, directory }: Passage, principal: Principal, userId: string): Promise<Region> {
  // A user never changes its home: what was found once holds for good. Whether the user is still there, the home knows.
  const known = edge.homes.get(userId);
  const login = known ?? (await directory.byUser(userId));
  if (login === null || login.customer_id !== principal.customer_id)
    throw invalid("user_id", "is not a user of the customer");
  edge.homes.set(userId, { customer_id: login.customer_id, region: login.region });
  return login.region;
}
