---@meta mbsand
-- What editors need to complete, check and explain the Lua API of mbsand (the words of scenarios: scenario.lua beside it).
-- Point the Lua language server at this folder, in .luarc.json:
--   { "workspace.library": ["lua/meta"], "runtime.version": "Lua 5.4" }
-- and write ---@class MyPolicy : mbsand.Policy above the table of a policy. The text is docs/writing-policies.md in short;
-- nothing here is ever run. Units: seconds, tokens.

-- A policy ---------------------------------------------------------------------------------------------------

---@alias mbsand.Why "done"|"rejected"
---@alias mbsand.Refusal "memory"|"requests"|"tokens"|"elsewhere"|"late"
---@alias mbsand.Order "arrival"|"prompt_tokens"|"predicted_output"|"predicted_total"|"predicted_remaining"|"expected_output"|"expected_remaining"|"rank"|"priority"|"deadline"|"output_tokens"
---@alias mbsand.Key "predicted_output"|"prompt_tokens"|"predicted_total"|"priority"|"output_tokens"
---@alias mbsand.Value number|string|boolean|number[]

---The table that a policy's script returns, and the `self` of its hooks. Only `schedule` is required.
---@class mbsand.Policy
---@field sim mbsand.Sim the simulation; from `init` on
---@field params table<string, any> the declared defaults, with the values that the scenario or the command line gives
---@field init? fun(self: mbsand.Policy) once, before time starts: make queues, bins and timers
---@field arrive? fun(self: mbsand.Policy, req: mbsand.Request) a request came; without this hook it goes to `sim.inbox`
---@field schedule fun(self: mbsand.Policy, replica: mbsand.Replica, step: mbsand.Step) a replica is free: fill `step`
---@field stepped? fun(self: mbsand.Policy, replica: mbsand.Replica, step: mbsand.EndedStep) a batch has ended
---@field finish? fun(self: mbsand.Policy, req: mbsand.Request, why: mbsand.Why) a request leaves; read `req.output_tokens`
---@field done? fun(self: mbsand.Policy) the run has ended: look back; nothing can be changed any more
---@field replicas_alike? boolean where one idle replica takes nothing, no other would: do not ask them
---@field handoff? fun(self: mbsand.Policy, req: mbsand.Request, replica: mbsand.Replica): mbsand.Replica not called yet
---@field signal? fun(self: mbsand.Policy, event: table) not called yet

---A bin-boundary rule: the function that a script in policies/bins returns.
---@alias mbsand.BinRule fun(lengths: number[], k: integer, options: table): number[]

-- The simulation ---------------------------------------------------------------------------------------------

---@class mbsand.Slo
---@field tbt number? bound on a request's time between tokens, s; nil: none
---@field gap number? bound on its largest time between tokens, s; nil: none
---@field e2e number? bound on a whole request, s; nil: none

---@class mbsand.Sim
---@field now number the simulation's time, s
---@field running integer requests in batches, on all replicas
---@field waiting integer requests not yet in a batch, in queues or held by the policy
---@field inbox mbsand.Queue|mbsand.Bins where arrivals go without an `arrive` hook; settable
---@field arrivals_ended boolean the last request has arrived
---@field observing boolean somebody records `sim:observe`
---@field cluster { reserve: string?, watermark: number?, max_requests: integer?, token_budget: integer? } what the scenario says
---@field oracle boolean the scenario shows the true output lengths
---@field queue mbsand.Queue the default queue, first in, first out
---@field replicas mbsand.Replica[] numbered from 1
---@field slo mbsand.Slo
---@field clients table<integer|string, mbsand.Client> by req.client or by name; nil for one not seen yet
local Sim = {}

---Make a queue. Without `by`: first in, first out. A function gives a number; smaller comes first. Ties keep their order.
---`of`: it becomes replica.queue of a replica whose queue was not read yet.
---@param options? { by?: mbsand.Order|(fun(req: mbsand.Request): number), of?: mbsand.Replica }
---@return mbsand.Queue
function Sim:queue(options) end

---Make bins: give `edges` (exclusive upper bounds, one less than bins), or a `rule` and a `count`.
---@param options { key?: mbsand.Key, edges?: number[], rule?: string, count?: integer, [string]: any }
---@return mbsand.Bins
function Sim:bins(options) end

---Sorted lengths known before the run: the head of the trace, or draws of the generator; of the run itself in an oracle.
---@param key? "predicted_output"|"prompt_tokens"|"predicted_total"|"output_tokens"
---@return number[]
function Sim:sample(key) end

---The replica with the least of it ("load": running + waiting in its own queue); of equals the first.
---@param what? "load"|"running"|"waiting"
---@return mbsand.Replica
function Sim:least(what) end

---Call `fn` once, `dt` seconds from now.
---@param dt number at least 0
---@param fn fun()
function Sim:after(dt, fn) end

---Call `fn` every `dt` seconds, first in `dt` seconds.
---@param dt number above 0
---@param fn fun()
function Sim:every(dt, fn) end

---Turn a waiting request away; `finish` is called with "rejected".
---@param req mbsand.Request
---@param reason? string
function Sim:reject(req, reason) end

---Uniform on [0, 1); `random(n)`: a whole number 1 .. n; `random(a, b)`: a .. b. The policy's own stream.
---@param a? integer
---@param b? integer
---@return number
function Sim:random(a, b) end

---A row for the file of `--dump decisions`; does nothing where there is none.
---@param name string
---@param value number
function Sim:observe(name, value) end

---As print: a line on standard error, with the policy's name.
---@param ... any
function Sim:log(...) end

-- Queues and bins --------------------------------------------------------------------------------------------

---@class mbsand.Queue
---@operator len: integer
---@field tokens integer sum of the waiting prompts, tokens
---@field mean_prompt number mean prompt, tokens; 0 when empty
---@field mean_predicted number mean predicted output, tokens; 0 when empty
local Queue = {}

---File a waiting request; one that waits in another queue moves.
---@param req mbsand.Request
function Queue:push(req) end

---In front of all others; only in a queue without `by`.
---@param req mbsand.Request
function Queue:push_front(req) end

---Take the first request out; it waits on, in no queue.
---@return mbsand.Request?
function Queue:pop() end

---The first request, which stays.
---@return mbsand.Request?
function Queue:peek() end

---Take a request out of this queue; false if it was not in it.
---@param req mbsand.Request
---@return boolean
function Queue:remove(req) end

---Walk through in order; only the current request may leave meanwhile.
---@return fun(): mbsand.Request?
function Queue:each() end

---@class mbsand.Bins
---@operator len: integer
---@field [integer] mbsand.Queue bin i holds edges[i - 1] <= key < edges[i]
---@field edges number[] a copy of the edges
local Bins = {}

---File a waiting request; returns the number of its bin.
---@param req mbsand.Request
---@return integer
function Bins:push(req) end

---The next bin after `i` that is not empty, round and round; nil if all are empty. 0 (the default) starts at bin 1.
---@param i? integer
---@return integer?
function Bins:next(i) end

---The bin with most requests, the lowest of equals; nil if all are empty.
---@return integer?
function Bins:longest() end

---The bin whose first request arrived first; nil if all are empty.
---@return integer?
function Bins:oldest() end

---As many other edges; the waiting are filed again, in order of arrival.
---@param edges number[]
function Bins:set_edges(edges) end

-- Replicas, memory, steps ------------------------------------------------------------------------------------

---@class mbsand.Kv
---@field capacity number tokens; math.huge: no limit
---@field used number tokens reserved now
---@field free number tokens; math.huge: no limit
---@field block integer tokens of a block; 1 under a batch model
---@field fits fun(tokens: number): boolean would a request of this final length fit now?

---@class mbsand.Replica
---@field id integer from 1
---@field role "both"
---@field running integer requests that run on it; 0 where `schedule` is called under a batch model
---@field waiting integer requests in its own queue
---@field queue mbsand.Queue its own queue: a push there concerns no other replica
---@field max_requests number settable: most requests that run; math.huge: no limit
---@field token_budget number settable: most tokens of a step (prompt tokens under a batch model); math.huge: no limit
---@field chunked boolean settable: may a prompt be computed in chunks
---@field reserve "chunk"|"sequence"|"prompt"|"predicted"|"expected"|"maximum" settable: what admission takes of the pool
---@field watermark number settable: share of the blocks that admission leaves free
---@field decodes integer running requests that decode
---@field prefills integer running requests with tokens of their prompt still to compute
---@field prefill_left integer those tokens
---@field context integer tokens that the next step of all decodes reads
---@field due integer tokens of KV memory that it takes, whole blocks
---@field kv mbsand.Kv
local Replica = {}

---@return fun(): mbsand.Request?
function Replica:each_running() end

---The most tokens that the running, and those, ever hold if each ends as expected and nobody else comes.
---@param options? { with?: mbsand.Request|mbsand.Request[] }
---@return integer
function Replica:peak(options) end

---Tokens of the request that the prefix cache holds; 0 under a batch model.
---@param req mbsand.Request
---@return integer
function Replica:cached(req) end

---What the latency model says of a batch, without noise: its time and its time between tokens, s.
---@param batch { requests?: integer, longest?: integer, service?: number } requests, longest prompt + output, service time
---@return number duration
---@return number tbt of a batch; nothing for a step, which is given by { prefill, prefix, decodes, context }, tokens and requests
---@overload fun(self: mbsand.Replica, step: { prefill?: integer, prefix?: integer, decodes?: integer, context?: integer }): number
function Replica:estimate(batch) end

---From now on the core fills this replica's steps: carry, and unless that had to preempt, admit. False: `schedule` is called again.
---@param step false|{ queue: mbsand.Queue, most?: number, carry?: "needed"|"spare", after_preemption?: boolean, displace?: "newest"|"oldest", age?: number }
function Replica:plain(step) end

---The step that `schedule` fills.
---@class mbsand.Step
---@field tokens integer tokens in it (prompt tokens under a batch model)
---@field requests integer requests in it
---@field budget number tokens left of replica.token_budget
local Step = {}

---Take requests from the head while they fit, at most `n`. The number taken, and why it stopped early.
---@param queue mbsand.Queue
---@param n? number
---@param why? "cap"|"b_sla"|"b_mem" what `n`, and replica.max_requests, are due to; "cap"
---@return integer taken
---@return mbsand.Refusal? reason
function Step:admit(queue, n, why) end

---Take one waiting request from anywhere; of an engine also a running one, and with an explicit chunk.
---@param req mbsand.Request
---@param tokens? integer
---@return boolean taken
---@return mbsand.Refusal? reason
function Step:add(req, tokens) end

---Leave the replica idle on purpose, until the next change or until a time.
---@param until_time? number a time on the simulation's clock, after sim.now
function Step:idle(until_time) end

---A static batch: nobody joins until the step's requests are done. Returns how many rows went back to their queue because
---their ends do not fit in memory. No effect under a batch model, where it is always so.
---@return integer returned
function Step:barrier() end

---Call `schedule` again after n steps at the latest. No effect under a batch model.
---@param n integer
function Step:quantum(n) end

---Seconds of the step as it is filled, and with one more chunk of a prompt; nil while it is empty.
---@param more? { prefill?: integer, prefix?: integer }
---@return number?
function Step:estimate(more) end

---@alias mbsand.RankKey mbsand.Order|(fun(req: mbsand.Request): number)
---@alias mbsand.RankHow "swap"|"recompute"|"pause"|false

---Fill the step by rank, instead of `carry`: the running and the waiting in one order.
---@param ranking { from?: mbsand.Queue, by?: mbsand.RankKey, per_token?: number, edges?: number[], most?: integer, preempt?: mbsand.RankHow, to?: mbsand.Queue }
---@return integer rows that were added
---@return integer preempted
---@return integer? steps after which the first row comes to its next edge
function Step:rank(ranking) end

---Go on with all running requests; returns how many were preempted for want of memory. Under a batch model none runs here.
---@param rule? "needed"|"spare" what a decode must find free: the block that it needs, if it does (default), or a block anyway
---@return integer preempted
function Step:carry(rule) end

---Set a running request aside. An error under a batch model: nothing runs at a step boundary.
---@param req mbsand.Request
---@param how? "recompute"|"swap"|"pause" "recompute"
---@param queue? mbsand.Queue the one that it came from
---@param place? "front"|"back" "front"
---@return boolean done
---@return "host"? reason host memory is full
function Step:preempt(req, how, queue, place) end

---Admit; where the first in line does not fit, who of the running would stand last in the queue, behind it, makes room.
---@param queue mbsand.Queue ordered by a name
---@param equals? "newest"|"oldest" who of equals goes; "newest"
---@param age? number who has generated this share of its predicted output stays
---@return integer taken, mbsand.Refusal? reason, integer preempted
function Step:displace(queue, equals, age) end

---The step that `stepped` reads.
---@class mbsand.EndedStep
---@field duration number s
---@field count integer equal steps that this stands for; 1 for a batch
---@field requests integer
---@field tokens integer prefill_tokens + decode_tokens
---@field prefill_tokens integer sum of the prompts
---@field decode_tokens integer sum of the outputs
---@field longest integer longest prompt + output, tokens
---@field tbt number time between tokens as observed, s; 0: there were none

-- Requests ---------------------------------------------------------------------------------------------------

---@class mbsand.Client
---@field name string
---@field prompt_tokens integer of requests that started
---@field output_tokens integer emitted so far
---@field waiting integer requests
---@field running integer requests

---@class mbsand.Request
---@field id integer 0, 1, 2, ... in order of arrival
---@field arrival number s
---@field prompt_tokens integer
---@field predicted_output integer what the scenario's predictor says of the output, tokens
---@field output_tokens integer? the true output; only in `finish`, or from the start in an oracle scenario
---@field client integer number of the client, from 0
---@field priority integer larger is more urgent; 0 where there is none
---@field deadline number s; math.huge where there is none
---@field session integer? number of its conversation
---@field prefix { [integer]: integer|string, unit: integer }? ids that name the prompt's content, `unit` tokens each; digits above 2^53
---@field class string? name of its class
---@field slo mbsand.Slo what it is promised: its class's bounds, or the scenario's
---@field user any yours
local Request = {}

---Seconds of waiting, all in all.
---@return number
function Request:waited() end

---@return "waiting"|"running"|"prefill"|"decode"|"paused"|"swapped" "running" under batch models only
function Request:phase() end

---Seconds of running; under a batch model since its batch started, 0 while it waits.
---@return number
function Request:attained() end

---When its first token came, s; nil if it has not.
---@return number?
function Request:first_token_at() end

---Tokens generated so far: 0 under a batch model.
---@return integer
function Request:generated() end

---Tokens computed so far: 0 under a batch model.
---@return integer
function Request:computed() end

---Times it was interrupted: 0 under a batch model.
---@return integer
function Request:preemptions() end

---Believe the whole output to be of so many tokens: for "expected_output", "expected_remaining" and the reserve "expected".
---@param tokens number at least 0
function Request:expect(tokens) end

---The number for `by = "rank"`; 0 at first.
---@param number number
function Request:rank(number) end

-- Helpers of policies: require "mbsand.<name>" -----------------------------------------------------------------

---@class mbsand.ewma
local ewma = {}
---@class mbsand.Ewma
---@field value number?
---@field weight number
---@field add fun(self: mbsand.Ewma, x: number): number
---@param weight number share of the newest sample, 0 < weight <= 1
---@param initial? number
---@return mbsand.Ewma
function ewma.new(weight, initial) end

---@class mbsand.memory
local memory = {}
---The standard normal quantile.
---@param p number
---@return number
function memory.quantile(p) end
---The largest batch (real) with mean b + theta deviation sqrt(b) <= capacity.
---@param capacity number
---@param mean number
---@param deviation number
---@param theta number
---@return number
function memory.exact(capacity, mean, deviation, theta) end
---@param deviation number
---@param theta number
---@param b number
---@return number tokens
function memory.buffer(deviation, theta, b) end
---@param capacity number
---@param buffer number
---@param mean number
---@return number
function memory.linear(capacity, buffer, mean) end
---@class mbsand.Moments
---@field batches integer
---@field requests integer
---@field prompt number
---@field output number
---@field add fun(self: mbsand.Moments, requests: integer, prompt_tokens: number, output_tokens: number)
---@field deviation fun(self: mbsand.Moments): number
---@return mbsand.Moments
function memory.moments() end
---@class mbsand.MemoryLimit
---@field observe fun(self: mbsand.MemoryLimit, requests: integer, prompt_tokens: number, output_tokens: number)
---@field batch_size fun(self: mbsand.MemoryLimit, decoding?: integer): integer
---@param options { rule?: "exact"|"linear"|"margin"|"off", capacity: number, overflow?: number, margin?: number, period?: integer, min?: integer, max?: integer }
---@return mbsand.MemoryLimit
function memory.limit(options) end

---@class mbsand.sla
local sla = {}
---@class mbsand.SlaController
---@field low number
---@field high number
---@field observe fun(self: mbsand.SlaController, tbt: number, requests: integer)
---@field move fun(self: mbsand.SlaController, time: number, batch: number)
---@field batch_size fun(self: mbsand.SlaController, decoding?: integer): integer
---@param options { target: number, tolerance?: number, width?: integer, step?: integer, window?: integer, min?: integer, max?: integer }
---@return mbsand.SlaController
function sla.controller(options) end

---@class mbsand.batch_limit
local batch_limit = {}
---@class mbsand.BatchLimit
---@field observe fun(self: mbsand.BatchLimit, step: mbsand.EndedStep)
---@field size fun(self: mbsand.BatchLimit, decoding?: integer): integer, integer, integer, string b*, b_mem, b_SLA, and which it is: for step:admit
---@param sim mbsand.Sim
---@param params table as policies/dynamic_no_bins.lua declares them
---@return mbsand.BatchLimit
function batch_limit.new(sim, params) end

-- A scenario's report: require "mbsand.report" -------------------------------------------------------------------

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
