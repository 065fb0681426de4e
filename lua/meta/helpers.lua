---@meta mbsand.helpers
-- What policies require: require "mbsand.<name>", for editors; see mbsand.lua beside it.

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

---@class mbsand.router
local router = {}
---@class mbsand.Router: mbsand.Policy
---@field engine mbsand.Policy that serves the replicas' queues
---@field route? string where requests go, for sim:route, if there is no hook `arrive`
---@field up mbsand.Replica[] those that are up
---@field ids integer[] their numbers
---A policy without `arrive`; its parameters are `engine`, those of the engine, and these.
---@param own? table<string, mbsand.Value>
---@return mbsand.Router
function router.new(own) end

---@class mbsand.seen
local seen = {}
---@class mbsand.SeenLoads
---@param policy mbsand.Router
---@param signals "seen"|"counted"
---@return mbsand.SeenLoads
function seen.new(policy, signals) end
---Running and waiting, by number of the replica, of those that are up.
---@param state mbsand.SeenLoads
---@return table<integer, integer>
function seen.loads(state) end
---The number of the replica with the least.
---@param state mbsand.SeenLoads
---@return integer
function seen.least(state) end
---A request goes to the replica with this number.
---@param state mbsand.SeenLoads
---@param number integer
---@param req mbsand.Request
function seen.send(state, number, req) end

---@class mbsand.SplitPlace
---@field replica mbsand.Replica
---@field requests integer that were sent there in this instant
---@field tokens integer of their prompts
---@class mbsand.SplitRule
---@field prompt fun(self: table, req: mbsand.Request): mbsand.SplitPlace? of self.prefills
---@field answer fun(self: table, req: mbsand.Request): mbsand.SplitPlace? of self.decodes
---@class mbsand.split_rules
---@field distserve mbsand.SplitRule
---@field splitwise mbsand.SplitRule
---@field mooncake mbsand.SplitRule

---@class mbsand.chunk
local chunk = {}
---The longest chunk of prompts with which a step of all decodes takes at most so long.
---@param replica mbsand.Replica
---@param seconds number
---@param least integer tokens; the answer where none is short enough
---@param most integer
---@return integer
function chunk.longest(replica, seconds, least, most) end

---@class mbsand.lanes
local lanes = {}
---@class mbsand.LaneEntry what is kept of a request, as its `user`
---@field req mbsand.Request
---@class mbsand.Lane decodes with one promise
---@field gap number their slo.tbt, or math.huge
---@field count integer
---@field latest number to be set: `serve` serves those whose last token came then or before
---@class mbsand.Lanes of one replica
---@field list mbsand.Lane[] the tightest first
---@field prefills mbsand.LaneEntry[]
---@field promised boolean whether anybody was promised a gap yet
---@param nobody? mbsand.Queue one that stays empty; for `serve`
---@return mbsand.Lanes
function lanes.new(nobody) end

---For `init`: `policy.queue` in its `order`, a set for each replica in `policy.sets`, within the parameters chunk and max_requests.
---@param policy table
function lanes.open(policy) end
---@param req mbsand.Request
---@return mbsand.LaneEntry
function lanes.entry(req) end
---The hook `signal`: who lost a replica is in no lane any more.
---@param policy table
---@param event mbsand.Event
function lanes.signal(policy, event) end
---@param set mbsand.Lanes
---@param req mbsand.Request that was added to the step
---@return mbsand.LaneEntry
function lanes.admitted(set, req) end
---First in `schedule`.
---@param set mbsand.Lanes
---@param now number
function lanes.settle(set, now) end
---Everybody goes on.
---@param set mbsand.Lanes
---@param replica mbsand.Replica
---@param step mbsand.Step
---@param now number
---@return integer preempted
function lanes.carry(set, replica, step, now) end
---@param set mbsand.Lanes
---@param replica mbsand.Replica
---@param step mbsand.Step
---@return boolean # false where memory did not suffice
function lanes.serve(set, replica, step) end
---How much of the steps is due to a request beside one with the tightest promise.
---@param tightest number
---@param gap? number
---@return number
function lanes.share(tightest, gap) end
---Sets `latest` of each lane by whose turn it is.
---@param set mbsand.Lanes
---@return boolean everybody
---@return integer? steps for which it stays so
function lanes.turns(set) end
---When the first of the next tokens is due.
---@param set mbsand.Lanes
---@return number
function lanes.due(set) end
---In `finish`.
---@param req mbsand.Request
function lanes.left(req) end
---In `stepped`.
---@param set mbsand.Lanes
---@param step mbsand.EndedStep
function lanes.stepped(set, step) end
