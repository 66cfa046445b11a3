// What wrangler.toml beside this file binds, for `import { env } from "cloudflare:workers"` in the tests.
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("./index.ts");
  }
  interface Env {
    GATE: DurableObjectNamespace<import("./index.ts").TestGate>;
    GUARD: DurableObjectNamespace<import("./index.ts").TestGuard>;
    AUDIT: DurableObjectNamespace<import("./index.ts").TestAuditLog>;
    COURIER: DurableObjectNamespace<import("./index.ts").TestCourier>;
    EVENTS: DurableObjectNamespace<import("./index.ts").TestEventWriter>;
    BROKEN: DurableObjectNamespace<import("./index.ts").BrokenGate>;
  }
}
