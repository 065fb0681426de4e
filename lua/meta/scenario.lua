---@meta mbsand.scenario
-- The words of a scenario, for editors; see mbsand.lua beside it and docs/scenarios.md.

---@class mbsand.Workload
---@class mbsand.Arrivals
---@class mbsand.Lengths
---@class mbsand.Predictor
---@class mbsand.Latency
---@class mbsand.Section
---@alias mbsand.Tokens number|mbsand.Lengths
---@alias mbsand.MaxOutput mbsand.Tokens|{ factor: number } tokens, or so many times the output

---@class mbsand.Scenario
---@field title? string
---@field question? string
---@field workload mbsand.Workload
---@field cluster? mbsand.Cluster
---@field latency mbsand.Latency
---@field slo? mbsand.Bounds s
---@field qoe? mbsand.Reader of answers
---@field fair? { w_prompt?: number, w_output?: number } what tokens are worth in `service_gap`; 1, 2
---@field policies (string|mbsand.PolicyEntry)[] names, files, or tables with parameters
---@field failures? { at: number, replica: integer, repair?: number }[]|{ mtbf: number, mttr: number } when replicas fail
---@field seeds? integer 5
---@field seed? integer 42
---@field stop_time? number s: the simulation ends here
---@field warmup? integer|mbsand.Warmup simulated and not measured; an integer is a number of requests; 0
---@field oracle? boolean policies may see the true output lengths; false
---@field exact_percentiles? boolean keep every sample; false
---@field why? boolean where did the time of requests go? false
---@field by? "class"|"client" rows for each class or client as well
---@field columns? string[] measures that the table shows
---@field over? any[] a sweep: { { "cluster.gpus", { 1, 2, 4 } }, ... }
---@field limits? mbsand.Limits
---@field expect? (number[]|"rejected"|"unserved")[] for `mbsand test`: of each request start, first token, end, preemptions
---@field assert? string[] for `mbsand test`: bounds on measures, "ttft_p99<0.5"
---@field report? fun(results: mbsand.Row[]) prints the results itself

---@class mbsand.Bounds
---@field ttft? number on the first token
---@field tbt? number on the mean time between a request's tokens
---@field gap? number on the largest
---@field e2e? number on a whole request
---@field late? number the largest share, 0 to 1, of a request's tokens that may come later than ttft and tbt say

---@class mbsand.Reader
---@field speed number tokens per second
---@field ttft number s from the arrival to when he expects the first

---@class mbsand.Warmup one of the two
---@field requests? integer the first so many arrivals
---@field seconds? number since the first arrival

---@class mbsand.PolicyEntry
---@field [1] string a bundled name, or a file
---@field label? string
---@field unlimited_memory? boolean this policy alone runs without a memory limit; false
---@field [string] mbsand.Value a parameter

---@class mbsand.Group: mbsand.Cluster what is different about these replicas; the rest is the cluster's
---@field name string
---@field latency? mbsand.Latency the scenario's

---@class mbsand.Link bandwidth or seconds_per_token
---@field bandwidth? number GB/s
---@field seconds_per_token? number
---@field latency? number s, which do not occupy the wire; 0
---@field share? "fifo"|"fair"|"none" how transfers share it; "fifo"
---@field per? "group"|"replica" a wire from group to group, or one for each replica to send over; "group"
---@field from? string a group; any
---@field to? string

---@class mbsand.Cluster
---@field groups? mbsand.Group[] replicas of several kinds, instead of gpus
---@field gpus? integer GPUs; 1
---@field tp? integer GPUs that share a model: gpus / tp replicas; 1
---@field gpu? string of `mbsand list gpus`, or FILE.csv:NAME; with model
---@field model? string of `mbsand list models`, or a config.json; gives the KV memory and a roofline
---@field rules? "vllm"|"kaito"|"kaito-2026"|"mlsysim" what is held back; "vllm"
---@field precision? mbsand.Precision of weights and KV memory
---@field weight_precision? mbsand.Precision
---@field kv_precision? mbsand.Precision
---@field memory_gib? number of a GPU, instead of its description's
---@field utilization? number share of a GPU's memory that may be used
---@field activation_gib? number per GPU
---@field runtime_gib? number per GPU
---@field step_tokens? integer most tokens of a step (max_num_batched_tokens), which activations and windows depend on
---@field usd_per_hour? number price of a GPU
---@field name? string
---@field kv? "tokens"|"contiguous"|"paged" a request takes its final length, kv_max_length, or blocks as it needs them
---@field kv_tokens? integer|"unlimited" KV memory of a replica, tokens
---@field kv_max_length? integer tokens that "contiguous" and reserve = "maximum" take for each request
---@field kv_block? integer tokens of a block of "paged"; 16
---@field kv_blocks? integer KV memory of a replica, blocks
---@field token_budget? integer tokens that a step may compute
---@field start? integer replicas at the beginning; default: all
---@field max_gpus? integer GPUs that policies may come to
---@field signals? { period?: number, delay?: number } how old replica.seen is, s
---@field start_delay? number seconds until a replica that is added is up
---@field max_requests? integer requests that may run on a replica
---@field reserve? "chunk"|"sequence"|"prompt"|"predicted"|"expected"|"maximum" what admission takes; "chunk"
---@field watermark? number share of the blocks that admission leaves free; 0
---@field prefix_cache? boolean freed blocks keep their content; true
---@field async_scheduling? boolean who arrives in a step enters the next but one, not the next; false
---@field experts? { parallel: integer } a mixture's experts are dealt out to so many GPUs, whose replicas step together
---@field pipeline? integer|mbsand.Pipeline the layers of a replica dealt out to stages
---@field role? "both"|"prefill"|"decode" "prefill": requests are handed off at their first token; "both"
---@field link? mbsand.Link|mbsand.Link[] what KV memory moves over
---@field kv_bytes_per_token? number
---@field front_end? number|{ base?: number, per_token?: number } s until a request that was sent is seen; 0
---@field swap? mbsand.Swap host memory for preemption by swapping
---@field memory? mbsand.Memory instead of kv_tokens
---@field oversize? "reject"|"block" a request larger than the whole memory; "reject"

---A batch in flight on each of the stages of a replica.
---@class mbsand.Pipeline
---@field stages integer
---@field batches? integer in flight at most; stages
---@field batch_requests? integer most rows of a batch; max_requests / batches
---@field shares? number[] of a step's time that each stage takes; 1 / stages
---@field send? number|{ latency?: number, per_token?: number, bandwidth?: number } s from a stage to the next; bandwidth: GB/s; 0
---@field ahead? boolean compose a batch as soon as there is room, though the first stage is busy; false

---@alias mbsand.Precision "fp32"|"fp16"|"bf16"|"fp8"|"int8"|"int4"

---What `plan` takes: as the options of `mbsand plan`.
---@class mbsand.PlanOptions
---@field model string
---@field gpu string
---@field tp? integer 1
---@field context? integer tokens of a user; 2048
---@field batch? integer users; 1
---@field rules? "vllm"|"kaito"|"kaito-2026"|"mlsysim"
---@field weight_precision? mbsand.Precision
---@field kv_precision? mbsand.Precision
---@field memory_gib? number
---@field utilization? number
---@field activation_gib? number
---@field runtime_gib? number
---@field step_tokens? integer
---@field block? integer tokens; 16
---@field blocks? integer of the pool, set outright

---What fits; GiB of one GPU.
---@class mbsand.Plan
---@field model string
---@field gpu string
---@field gpu_title string
---@field layers integer
---@field hidden integer values of a token between layers
---@field parameters number
---@field active_parameters number that a token's pass touches
---@field memory_gib number
---@field held_back_gib number
---@field weights_gib number
---@field activation_gib number
---@field runtime_gib number
---@field pool_gib number for KV memory; negative: that much is missing
---@field kv_gib number of it, by batch users with context tokens
---@field token_bytes number of KV memory on a GPU
---@field tokens integer that the pool holds
---@field blocks integer
---@field users integer with context tokens each
---@field longest integer context of a single user, at most max_position_embeddings
---@field bound_by_positions boolean
---@field fits boolean
---@field gpus_needed integer 0: no number of them is enough
---@field gpus_per_node integer
---@field usd_per_hour? number of a GPU

---Raises an error where the model or the GPU is not known.
---@param options mbsand.PlanOptions
---@return mbsand.Plan
function plan(options) end

---@class mbsand.Memory
---@field capacity_gib number GiB, 2^30 bytes
---@field weights_gib number GiB
---@field reserve_gib? number GiB; 0
---@field utilization? number share of the capacity that is used; 1
---@field bytes_per_token number

---@class mbsand.Swap
---@field host_gib? number GiB, with bandwidth
---@field bandwidth? number GB/s between GPU and host
---@field tokens? integer instead, with seconds_per_token
---@field seconds_per_token? number

---@class mbsand.Limits
---@field hook_seconds? number longest CPU time of one call, s; 1, or none where instructions are limited
---@field hook_instructions? integer the same in Lua instructions; 0: none
---@field memory_mb? number memory of a policy's state, MiB; 64

---@param keys mbsand.Scenario
---@return mbsand.Section
function scenario(keys) end

---Return this instead where the scenario cannot run here.
---@param reason string
---@return mbsand.Section
function skip(reason) end

---Where a data file is; nil if nowhere.
---@param name string
---@return string?
function locate(name) end

---The folder of mbsand's own files.
---@type string
root = nil

trace, arrivals, lengths, predict, latency = {}, {}, {}, {}, {}

---@class mbsand.TraceOptions
---@field path? string
---@field rate_scale? number arrival times are divided by it; 1
---@field limit? integer requests; to the end of the file
---@field from? number start of the window, s of the trace's own time
---@field to? number end of the window, s of the trace's own time
---@field skip_rows? integer 0
---@field window_per_seed? boolean each seed takes the next `limit` rows; false
---@field keep_zero? boolean keep rows with a length of zero; false
---@field users? integer who take the rows in order, each when its last one was answered, whatever the stamps
---@field think? mbsand.Tokens s between an answer and that user's next row; 0
---@field ramp? number the users start evenly over this time, s; 0
---@field thin? number keep one row in so many; 1
---@field max_gap? number longer gaps are cut to it, s of the trace's own time
---@field sort? boolean put the rows in order of time; false
---@field longest? integer rows with more prompt + output tokens are left out
---@field jitter? number each time is delayed by a uniform draw from 0 to this, s of the trace's own time; 0
---@field predictor? mbsand.Predictor exact
---@field until_time? number no arrivals after this time, s

---Requests of a trace with promises of their own.
---@class mbsand.TraceClass
---@field name string
---@field priority? integer 0; a column of priorities stands before it
---@field slo? mbsand.Bounds e2e sets the deadline; else the scenario's
---@field qoe? mbsand.Reader else the scenario's

---Names of columns, or paths of keys. Without a time, requests came `duration` before their `end`.
---@class mbsand.Columns
---@field time? string
---@field prompt string
---@field output string
---@field predicted? string
---@field client? string
---@field priority? string
---@field service? string s
---@field prefix? string ids of the prompt's content
---@field end? string when the answer was complete
---@field duration? string what it took, in units of time_unit
---@field session? string rows of the same one follow each other
---@field id? string with parent
---@field parent? string id of the request that a request follows
---@field delay? string from the answer to that one, in units of time_unit
---@field max_output? string the caller's bound on the output, tokens
---@field class? string with classes: the name of the row's
---@field noise? string what `predict.refined` draws a request's predictions from, a whole number below 2^64; else the seed's

---@class mbsand.CsvOptions : mbsand.TraceOptions
---@field columns mbsand.Columns
---@field classes? mbsand.TraceClass[] what the rows of each are promised; with columns.class
---@field time_unit? number s; 1
---@field prefix_unit? integer tokens that an id of columns.prefix stands for
---@field turns? "stamps"|"wait"|"delay" when a turn of a recorded conversation is sent; "stamps"
---@field context? "grow" a turn's prompt begins with the prompt and answer before it

---@class mbsand.JsonlOptions : mbsand.TraceOptions
---@field fields mbsand.Columns
---@field classes? mbsand.TraceClass[] what the rows of each are promised; with fields.class
---@field time_unit? number s; 1
---@field prefix_unit? integer tokens that an id of fields.prefix stands for
---@field turns? "stamps"|"wait"|"delay" when a turn of a recorded conversation is sent; "stamps"
---@field context? "grow" a turn's prompt begins with the prompt and answer before it

---@alias mbsand.Trace mbsand.Workload|fun(options: mbsand.TraceOptions): mbsand.Workload
---@alias mbsand.CsvTrace mbsand.Workload|fun(options: mbsand.CsvOptions): mbsand.Workload
---@alias mbsand.JsonlTrace mbsand.Workload|fun(options: mbsand.JsonlOptions): mbsand.Workload

---@param path string|mbsand.TraceOptions
---@return mbsand.Trace
function trace.burstgpt(path) end
---@param path string|mbsand.TraceOptions
---@return mbsand.Trace
function trace.azure(path) end
---@param path string|mbsand.CsvOptions
---@return mbsand.CsvTrace
function trace.csv(path) end
---@param path string|mbsand.TraceOptions
---@return mbsand.Trace
function trace.mooncake(path) end
---@param path string|mbsand.JsonlOptions
---@return mbsand.JsonlTrace
function trace.jsonl(path) end

---@class mbsand.Synthetic
---@field arrivals? mbsand.Arrivals of requests, or of sessions; or
---@field users? integer who each wait for an answer before they ask again
---@field think? mbsand.Tokens s from an answer to the user's next request or session; 0
---@field ramp? number the users start evenly over this time, s; 0
---@field sessions? mbsand.Sessions requests come in conversations
---@field prefix? mbsand.Prefix prompts begin with a shared part
---@field classes? mbsand.Class[] kinds of requests
---@field prompt? mbsand.Tokens with sessions: the new tokens of a turn
---@field output? mbsand.Tokens
---@field lengths? mbsand.Lengths pairs, instead of prompt and output
---@field max_output? mbsand.MaxOutput the caller's bound on the output
---@field service? mbsand.Tokens s, for latency.jobs
---@field clients? integer
---@field limit? integer requests
---@field until_time? number no arrivals after this time, s
---@field predictor? mbsand.Predictor exact

---@class mbsand.Sessions
---@field turns mbsand.Tokens
---@field think? mbsand.Tokens s from an answer to the next turn; 0
---@field context? "grow" a turn's prompt is all that was said before, and new tokens
---@field max_context? integer a turn with more prompt + output ends the session instead

---@class mbsand.Prefix
---@field tokens integer
---@field groups? integer number of different ones; 1
---@field theta? number P(group n) proportional to n^-theta; 0

---@class mbsand.Class
---@field name string
---@field share number relative to the sum of all shares
---@field clients? integer[] numbers (from 0) of the clients who send them
---@field active? number[][] { from, to } in seconds: when they come
---@field prompt? mbsand.Tokens else the workload's
---@field output? mbsand.Tokens else the workload's
---@field lengths? mbsand.Lengths pairs, instead of prompt and output
---@field max_output? mbsand.MaxOutput else the workload's
---@field priority? integer 0
---@field slo? mbsand.Bounds e2e sets the deadline
---@field qoe? mbsand.Reader else the scenario's

---@param keys mbsand.Synthetic
---@return mbsand.Workload
function synthetic(keys) end

---A few requests written down: { time (s), prompt, output (tokens) }, and by name predicted, priority and client.
---@param rows { [1]: number, [2]: integer, [3]: integer, predicted?: integer, priority?: integer, client?: string }[]
---@return mbsand.Workload
function requests(rows) end

---The synthetic requests of the simulator that mbsand began from.
---@param keys { seed?: integer, limit: integer, until_time?: number, predictor?: mbsand.Predictor } seed 42
---@return mbsand.Workload
function origin_requests(keys) end

---Rates are requests per second.
---@param keys { rate: number }
---@return mbsand.Arrivals
function arrivals.constant(keys) end
---@param keys { rate: number }
---@return mbsand.Arrivals
function arrivals.poisson(keys) end
---@param keys { rate: number, cv?: number, shape?: number } cv of the gaps, or shape
---@return mbsand.Arrivals
function arrivals.gamma(keys) end
---@param keys { rate: number, shape: number }
---@return mbsand.Arrivals
function arrivals.weibull(keys) end
---Mean durations on and off, or lengths of them, s.
---@param keys { rate?: number, off_rate?: number, during?: mbsand.Arrivals, on: mbsand.Tokens, off: mbsand.Tokens }
---@return mbsand.Arrivals
function arrivals.on_off(keys) end
---@param keys { [integer]: number[], segments?: number[][], ["repeat"]: boolean? } { seconds, rate }, ...
---@return mbsand.Arrivals
function arrivals.piecewise(keys) end
---@param keys? {}
---@return mbsand.Arrivals
function arrivals.all_at_once(keys) end

---@param value number|{ value: number }
---@return mbsand.Lengths
function lengths.fixed(value) end
---@param low number|{ low: number, high: number }
---@param high? number
---@return mbsand.Lengths
function lengths.uniform(low, high) end
---@param mean number|{ mean: number, std: number, min?: number, max?: number }
---@param std? number
---@return mbsand.Lengths
function lengths.normal(mean, std) end
---@param keys { mu?: number, sigma?: number, mean?: number, median?: number, min?: number, max?: number } mu and sigma, or mean and median
---@return mbsand.Lengths
function lengths.lognormal(keys) end
---@param mean number|{ mean: number, min?: number, max?: number }
---@return mbsand.Lengths
function lengths.exponential(mean) end
---@param keys { shape?: number, scale?: number, mean?: number, cv?: number, min?: number, max?: number } shape and scale, or mean and cv
---@return mbsand.Lengths
function lengths.gamma(keys) end
---@param keys { min: number, shape?: number, mean?: number, max?: number } shape or mean
---@return mbsand.Lengths
function lengths.pareto(keys) end
---@param parts { share: number, lengths: mbsand.Tokens }[]
---@return mbsand.Lengths
function lengths.mixture(parts) end
---Of outputs: base + factor times the prompt's tokens.
---@param keys { base?: mbsand.Tokens, factor: mbsand.Tokens, min?: number, max?: number }
---@return mbsand.Lengths
function lengths.of_prompt(keys) end
---Of outputs: the first part whose up_to the prompt does not exceed; the last has none.
---@param parts { up_to?: integer, lengths: mbsand.Tokens }[]
---@return mbsand.Lengths
function lengths.by_prompt(parts) end
---For `lengths` of synthetic or a class: prompt and output of a row together.
---@param path string|{ path: string, prompt: string, output: string }
---@return mbsand.Lengths|fun(options: { prompt: string, output: string }): mbsand.Lengths
function lengths.pairs(path) end
---@param keys { theta: number, min?: integer, max: integer }
---@return mbsand.Lengths
function lengths.zipf(keys) end
---@param path string|{ path: string, column: string, min?: number, max?: number }
---@return mbsand.Lengths|fun(options: { column: string, min?: number, max?: number }): mbsand.Lengths
function lengths.empirical(path) end

---@param keys? {}
---@return mbsand.Predictor
function predict.exact(keys) end
---@param sigma number|{ sigma: number }
---@return mbsand.Predictor
function predict.lognormal(sigma) end
---@param keys { p: number, edges: number[], lowest: number, highest: number }
---@return mbsand.Predictor
function predict.bin_flip(keys) end
---@param keys { matrix: number[][], edges: number[], lowest: number, highest: number }
---@return mbsand.Predictor
function predict.confusion(keys) end
---@param value integer|{ value: integer }
---@return mbsand.Predictor
function predict.constant(value) end
---@param keys? {}
---@return mbsand.Predictor
function predict.column(keys) end
---Refined after every `every` tokens (1), with an error that falls from sigma to `floor` (0).
---@param keys { sigma: number, every?: integer, floor?: number }
---@return mbsand.Predictor
function predict.refined(keys) end
---The bounds of the true bin; lowest: 1.
---@param keys { edges: number[], lowest?: number, highest: number }
---@return mbsand.Predictor
function predict.bins(keys) end
---@param keys { seed?: integer, sigma?: number } 42, 0.1
---@return mbsand.Predictor
function predict.origin(keys) end

---A law, or a grid to fit one to. alpha, floor, tbt: s; beta: s per token; noise: standard deviation of ln(factor).
---@param keys string|{ alpha?: number, beta?: number, gamma?: number, floor?: number, tbt?: number, path?: string, weight?: "relative"|"absolute", noise?: number }
---@return mbsand.Latency|fun(options: { floor?: number, tbt?: number, weight?: "relative"|"absolute", noise?: number }): mbsand.Latency
function latency.batch(keys) end
---@param path string|{ path: string, noise?: number }
---@return mbsand.Latency|fun(options: { noise?: number }): mbsand.Latency
function latency.table(path) end
---@param keys? { noise?: number }
---@return mbsand.Latency
function latency.jobs(keys) end
---A step of an engine: base + per_token T + per_context K + per_request B + host; T tokens computed, K context read by
---decodes, B requests; prompts: the same for steps with a prompt. All in s;
---scheduling: s per request; graph_sizes: batch sizes that decodes are padded to; max_tokens, max_context: the largest T
---and K that the law was fitted on, beyond which steps count as extrapolated.
---@param keys { base?: number, per_token?: number, per_context?: number, per_request?: number, max_tokens?: number, max_context?: number, prompts?: { base?: number, per_token?: number, per_context?: number, per_request?: number }, host?: number, scheduling?: number, graph_sizes?: integer[], noise?: number }
---@return mbsand.Latency
function latency.step(keys) end
---A step from the descriptions of cluster.model and cluster.gpu: shares of the peaks that are reached; link_latency: s per
---all-reduce; links: a CSV of measured all-reduces (gpus, bytes, time_us) instead of those two; exchange: the same of ranks that
---share experts; corrections: a CSV of what steps
---take beyond (prompts, tokens, time_us); host: s per step; scheduling: s per request and step.
---@param keys? { engine?: "graphs"|"eager", compute?: number, attention?: number, bandwidth?: number, kv_bandwidth?: number, link?: number, link_latency?: number, layer?: number, links?: string, exchange?: string, corrections?: string, host?: number, scheduling?: number, graph_sizes?: integer[], noise?: number } default: what was measured of the GPU, data/roofline.csv
---@return mbsand.Latency
function latency.roofline(keys) end
---A step by a function of its own; returns seconds.
---@param time fun(step: { tokens: integer, prefill_tokens: integer, decodes: integer, context: integer, requests: integer, chunks: { tokens: integer, prefix: integer }[] }): number
---@return mbsand.Latency
function latency.custom(time) end
---Measured operators of one layer: a folder with dense.csv, per_sequence.csv and attention.csv. layers, hidden: of the model, by
---default cluster.model's; links, corrections: as of latency.roofline; per_token: s, what the tables lack; host: s per step;
---scheduling: s per request and step.
---@param path string|{ path: string, layers?: integer, hidden?: integer, links?: string, exchange?: string, corrections?: string, per_token?: number, host?: number, scheduling?: number, graph_sizes?: integer[], noise?: number }
---@return mbsand.Latency|fun(options: { layers?: integer, hidden?: integer, links?: string, exchange?: string, corrections?: string, per_token?: number, host?: number, scheduling?: number, graph_sizes?: integer[], noise?: number }): mbsand.Latency
function latency.profile(path) end
