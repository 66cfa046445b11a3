-- Sends GET /orders/42 with the tokens of the file in TOKENS, round robin.
local tokens = {}
for line in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = line end
local at = 0
request = function()
  at = at % #tokens + 1
  return wrk.format("GET", "/orders/42", { ["Authorization"] = "Bearer " .. tokens[at] })
end
done = function(summary, latency)
  io.write(string.format("{\"requests\":%d,\"seconds\":%f,\"errors\":%d,\"p50\":%f,\"p99\":%f}\n",
    summary.requests, summary.duration / 1e6, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
