-- The same question as burst, on a measured trace: an hour of the Azure conversation service, 11 November 2023, cut into
-- five stretches. The trace (CC BY 4.0) is not part of mbsand: put AzureLLMInferenceTrace_conv.csv below
-- traces/azure2023/ of the folder that MBSAND_DATA names.
local path = locate "traces/azure2023/AzureLLMInferenceTrace_conv.csv"
if not path then
  return skip "traces/azure2023/AzureLLMInferenceTrace_conv.csv is not here; MBSAND_DATA may name the folder"
end

return scenario {
  title = "azure_conv",
  question = "A measured conversation load on 24 small GPUs: does binning pay there too?",
  workload = trace.azure(path) { limit = 3800, window_per_seed = true },
  cluster = {
    gpus = 24,
    name = "RTX 4080 12 GB, Qwen3-1.7B",
    memory = { capacity_gib = 12, weights_gib = 3.2, reserve_gib = 1, bytes_per_token = 114688 },
  },
  latency = latency.batch "data/qwen3_1_7b_latency_grid.csv",
  slo = { tbt = 0.010, e2e = 20 },
  policies = { "static_fifo", "dynamic_no_bins", { "multi_bin_dynamic", key = "predicted_total", bins = 8 } },
}
