# The bare program: what the proxied path costs when nothing is decided on it.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    (name = "region", worker = .region),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  modules = [(name = "edge.js", esModule = embed "edge.js")],
  compatibilityDate = "2026-10-01",
  bindings = [(name = "REGION", service = "region")],
);

const region :Workerd.Worker = (
  modules = [(name = "region.js", esModule = embed "region.js")],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "GATE", durableObjectNamespace = "Gate"),
    (name = "ORIGIN", fromEnvironment = "ORIGIN"),
  ],
  durableObjectNamespaces = [(className = "Gate", uniqueKey = "gate")],
  durableObjectStorage = (inMemory = void),
);
