import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
export class ConfigReader extends WorkerEntrypoint {}
export class LoginLookup extends WorkerEntrypoint {}
export class LoginDirectory extends WorkerEntrypoint {}
export class Gate extends DurableObject {}
export class SignInGuard extends DurableObject {}
export default { fetch: () => new Response("ok") };
