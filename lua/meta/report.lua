---@meta mbsand.report
-- What the report of a scenario gets, and require "mbsand.report", for editors; see mbsand.lua beside it.

---@class mbsand.Row
---@field policy string its label
---@field label string "cluster.gpus=4 params.bins=8"; "" where nothing is swept
---@field point table<string, any> the swept keys and their values
---@field seeds integer seeds that finished
---@field level mbsand.Measures over the seeds, as tables print it
---@field low mbsand.Measures lower end of its 95 % interval; a key is absent where there is none
---@field high mbsand.Measures upper end
---@field mean mbsand.Measures plain mean over the seeds
---@field ci mbsand.Measures Student's half width of the plain mean, which may reach below zero: prefer low and high
---@field values mbsand.Measures[] by seed; empty for a run that failed
---@field compare fun(a: mbsand.Row, b: mbsand.Row, measure: string): mbsand.Comparison

---Row a against row b, paired by seed; low, high, p and real are nil below two pairs.
---@class mbsand.Comparison
---@field pairs integer
---@field ratio number? a / b
---@field difference number? a - b, in the place of ratio for shares and where a value is zero
---@field low number? of the 95 % interval
---@field high number?
---@field p number? of the paired t test, not corrected for other comparisons
---@field real boolean? p is at most 5 %, and the difference more than 0.1 %
---@field experiment table the checked scenario: experiment.cluster.capacity, experiment.workload ...

---@class mbsand.report
local report = {}
---@param value number?
---@param digits? integer significant digits; 4
---@return string
function report.number(value, digits) end
---Three significant digits at most, without an exponent.
---@param value number
---@return string
function report.digits(value) end
---@param value number?
---@param decimals integer
---@return string
function report.fixed(value, decimals) end
---The level: "12.3 ± 0.4", or "37 (4..340)" where the interval is not symmetric; scale 100 for per cent.
---@param row mbsand.Row
---@param measure string
---@param digits? integer
---@param scale? number
---@return string
function report.interval(row, measure, digits, scale) end
---@param header string[]
---@param rows any[][]
function report.print_table(header, rows) end
---@param a mbsand.Row
---@param b mbsand.Row
---@param measure string
---@return mbsand.Comparison
function report.compare(a, b, measure) end
---"-17 % (-22..-12)"; of shares in points.
---@param found mbsand.Comparison
---@return string
function report.change(found) end
---The same in words: "17 % lower than fcfs", "no real difference from fcfs".
---@param a mbsand.Row
---@param b mbsand.Row
---@param measure string
---@param name? string of b
---@return string
function report.against(a, b, measure, name) end
---@param results mbsand.Row[]
---@param policy string
---@param point? table<string, any>
---@return mbsand.Row?
function report.find(results, policy, point) end
---@param results mbsand.Row[]
---@param key string
---@return any[]
function report.values(results, key) end
---@param results mbsand.Row[]
---@param policy string
---@param down string swept key of the rows
---@param across string swept key of the columns
---@param measure string
---@param format fun(value: number): string
function report.print_grid(results, policy, down, across, measure, format) end

---A measure is absent where it is undefined.
---@class mbsand.Measures
---@field requests number? requests that arrived
---@field finished number? requests served to the end
---@field rejected number? requests turned away
---@field unfinished number? requests still in the system when the run ended
---@field censored number? of these, requests within every SLO so far when the run was stopped: not in the SLO measures
---@field served_share number? fraction of the requests after the warm-up that were served to the end
---@field duration_s number? time of observation: first arrival, or the end of the warm-up, to the end of the run, s
---@field throughput_rps number? finished requests per second
---@field throughput_tps number? output tokens per second
---@field total_tps number? prompt + output tokens per second
---@field goodput_rps number? requests per second that met every SLO
---@field ttft_mean_s number? mean time from arrival to first token, s
---@field ttft_p50_s number? median time from arrival to first token, s
---@field ttft_p90_s number? 90th percentile of time from arrival to first token, s
---@field ttft_p95_s number? 95th percentile of time from arrival to first token, s
---@field ttft_p99_s number? 99th percentile of time from arrival to first token, s
---@field ttft_max_s number? largest time from arrival to first token, s
---@field tpot_mean_s number? mean time per output token after the first, s
---@field tpot_p50_s number? median time per output token after the first, s
---@field tpot_p90_s number? 90th percentile of time per output token after the first, s
---@field tpot_p95_s number? 95th percentile of time per output token after the first, s
---@field tpot_p99_s number? 99th percentile of time per output token after the first, s
---@field tpot_max_s number? largest time per output token after the first, s
---@field itl_mean_s number? mean gap between tokens, all gaps pooled, s
---@field itl_p50_s number? median gap between tokens, all gaps pooled, s
---@field itl_p90_s number? 90th percentile of gap between tokens, all gaps pooled, s
---@field itl_p95_s number? 95th percentile of gap between tokens, all gaps pooled, s
---@field itl_p99_s number? 99th percentile of gap between tokens, all gaps pooled, s
---@field itl_max_s number? largest gap between tokens, all gaps pooled, s
---@field e2e_mean_s number? mean time from arrival to last token, s
---@field e2e_p50_s number? median time from arrival to last token, s
---@field e2e_p90_s number? 90th percentile of time from arrival to last token, s
---@field e2e_p95_s number? 95th percentile of time from arrival to last token, s
---@field e2e_p99_s number? 99th percentile of time from arrival to last token, s
---@field e2e_max_s number? largest time from arrival to last token, s
---@field queue_mean_s number? mean wait before service, s
---@field queue_p50_s number? median wait before service, s
---@field queue_p90_s number? 90th percentile of wait before service, s
---@field queue_p95_s number? 95th percentile of wait before service, s
---@field queue_p99_s number? 99th percentile of wait before service, s
---@field queue_max_s number? largest wait before service, s
---@field ttft_violation number? fraction of requests whose first token takes longer than slo.ttft
---@field cache_hit number? fraction of the tokens known at admission to an engine that its prefix cache held
---@field tbt_violation number? fraction of requests whose time between tokens exceeds slo.tbt
---@field e2e_violation number? fraction of requests that take longer than slo.e2e
---@field slo_attainment number? fraction of requests that met every SLO
---@field gpu_util number? fraction of time that replicas were busy
---@field batches number? batches served
---@field batch_mean number? requests per batch
---@field at_queue number? fraction of admissions that took all that waited in the queue
---@field at_cap number? fraction of admissions that ended at the policy's number, or at as many as may run
---@field at_b_sla number? fraction of admissions that ended at a number due to the time between tokens
---@field at_b_mem number? fraction of admissions that ended at a number due to the expected use of memory
---@field at_memory number? fraction of admissions that ended because memory was full
---@field at_tokens number? fraction of admissions that ended because the token budget was used up
---@field padding_waste number? fraction of the batches' token positions that were padding
---@field kv_mean number? time average of reserved KV memory, fraction of capacity
---@field replica_s number? seconds summed over the replicas that are there
---@field lost_s number? seconds of steps that failures cut
---@field kv_peak number? highest reserved KV memory of a replica, fraction of capacity
---@field kv_fragmentation number? time average of reserved KV memory that stays unused, fraction of the reserved
---@field waited_fraction number? fraction of requests that did not start at once
---@field preemptions number? times that a running request was interrupted
---@field idle_with_work_s number? replica seconds idle while requests waited, without step:idle
---@field jain number? Jain's fairness index over the clients' served tokens
---@field usd_per_mtok number? cost of a million output tokens, USD
---@field sim_wall_s number? wall-clock time of the simulation itself, s
---@field sim_requests_per_s number? simulated requests per second of wall-clock time
---@field why_waiting_s number? mean time spent waiting for the first start, s; this and the next where `why = true`
---@field why_prefill_s number? mean time in steps that compute the prompt, s
---@field why_decode_s number? mean time in steps that compute the answer, as long as decodes alone would take, s
---@field why_stalled_s number? mean time that others' prompts add to that, s
---@field why_again_s number? mean time spent computing again what a preemption lost, s
---@field why_moved_s number? mean time with memory on the host or being moved, s
---@field why_aside_s number? mean time interrupted: waiting to go on, or left out of steps, s
---@field why_padding_s number? mean time that a whole batch took for longer members, s
---@field gap_mean_s number? mean over requests of the largest gap between a request's tokens, s; this and the next where `slo.gap`
---@field gap_p99_s number? 99th percentile over requests of that, s
---@field gap_violation number? fraction of requests with a gap between tokens above slo.gap
---@field qoe_mean number? mean over requests of how well the tokens' times suit their readers; this and the next where `qoe`
---@field qoe_p10 number? 10th percentile over requests of that
---@field program_mean_s number? mean time from a session's first arrival to its last answer, s; this and the next where asked for
---@field program_p99_s number? 99th percentile of that, s
---@field program_tokens_s number? mean over sessions of that per output token, s
---@field late_tokens number? fraction of the tokens that came later than slo.ttft and slo.tbt say; this and the next where asked for
---@field late_mean_s number? mean over tokens of how much later than that, 0 for those in time, s
---@field late_violation number? fraction of requests of whose tokens a larger share than slo.late came late
---@field service_gap number? most that the service of two clients moved apart while both waited, tokens with their weights
---@field moved_gb number? KV memory that went from replica to replica
---@field transfer_mean_s number? mean time from sending a request's KV memory, or beginning its migration, to its arrival, s
---@field idle_beside_s number? replica seconds idle while requests waited in another replica's own queue
---@field wasted_tokens number? output tokens that were generated and thrown away

return report
