import type { DurableObject } from "cloudflare:workers";
import * as objects from "../../../workers/region/objects.ts";
import worker from "../../../workers/region/index.ts";
import { CallCounter } from "../../../workers/edge/count-calls.ts";
import { count, counts, meterTimers, ObjectMeter } from "./meter.ts";

// A region's Worker that counts what Cloudflare would bill, for `npm run bench:cost` alone. It runs the real Worker and its real objects.
meterTimers();

/** The cron that asks for the counts: one log line, `{"event":"bench.counts","counts":{…}}`. */
const reportCron = "report the counts";

const calls = new CallCounter();
const environments = new WeakMap<RegionEnv, RegionEnv>();
const meters = new WeakMap<object, ObjectMeter>();

/** The bindings, with those counted that cost something and cannot be counted from outside. */
function counted(env: RegionEnv): RegionEnv {
  const known = environments.get(env);
  if (known !== undefined) return known;
  const made = {
    ...env,
    BUCKET: calls.count("bucket", env.BUCKET, true),
    METRICS: calls.count("metrics", env.METRICS),
  };
  environments.set(env, made);
  return made;
}

type ObjectClass = new (ctx: DurableObjectState, env: RegionEnv) => DurableObject<RegionEnv>;

/** A class of the region, whose objects have a meter each. */
function metered(name: string, base: ObjectClass): ObjectClass {
  const Metered = class extends base {
    constructor(ctx: DurableObjectState, env: RegionEnv) {
      const meter = new ObjectMeter(name, ctx);
      super(ctx, counted(env));
      meters.set(this, meter);
    }
  };
  meterMethods(Metered.prototype);
  return Metered;
}

export const Gate = metered("Gate", objects.Gate);
export const SignInGuard = metered("SignInGuard", objects.SignInGuard);
export const AuditLog = metered("AuditLog", objects.AuditLog);
export const Courier = metered("Courier", objects.Courier);
export const EventWriter = metered("EventWriter", objects.EventWriter);

/** Lets every method of a class that workerd can call be an event of its object's meter. */
function meterMethods(prototype: object): void {
  for (
    let from: object | null = Object.getPrototypeOf(prototype);
    from !== null && from !== Object.prototype;
    from = Object.getPrototypeOf(from)
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
      if (name === "constructor" || typeof value !== "function" || Object.hasOwn(prototype, name)) continue;
      Object.defineProperty(prototype, name, {
        value(this: object, ...args: unknown[]) {
          const meter = meters.get(this);
          if (meter === undefined) throw new Error("an object has no meter");
          if (name === "alarm") count("alarms");
          return meter.run(() => Reflect.apply(value, this, args));
        },
      });
    }
  }
}

export default {
  fetch: (request, env, ctx) => worker.fetch(request, counted(env), ctx),
  queue(batch, env, ctx) {
    count("queue batches");
    return worker.queue(batch, counted(env), ctx);
  },
  async scheduled(controller, env, ctx) {
    if (controller.cron === reportCron) {
      const all = { ...Object.fromEntries(counts), ...calls.counts() };
      console.log(JSON.stringify({ event: "bench.counts", counts: all }));
      return;
    }
    count("cron runs");
    await worker.scheduled(controller, counted(env), ctx);
  },
} satisfies ExportedHandler<RegionEnv>;
