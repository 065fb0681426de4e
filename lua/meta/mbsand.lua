---@meta mbsand
-- What editors need to complete, check and explain the Lua API of mbsand. Here: a policy, the simulation, queues and bins;
-- beside it replica.lua, step.lua, request.lua, helpers.lua (what policies require), scenario.lua (the words of scenarios)
-- and report.lua (what a scenario's report gets).
-- Point the Lua language server at this folder, in .luarc.json (a checkout has one):
--   { "workspace.library": ["lua/meta"], "runtime.version": "Lua 5.4" }
-- and write ---@class MyPolicy : mbsand.Policy above the table of a policy. The text is docs/writing-policies.md in short;
-- nothing here is ever run. Units: seconds, tokens.

-- A policy ---------------------------------------------------------------------------------------------------

---@alias mbsand.Why "done"|"rejected"
---@alias mbsand.Refusal "memory"|"requests"|"tokens"|"elsewhere"|"late"|"flight"|"draining"
---@alias mbsand.Order "arrival"|"prompt_tokens"|"predicted_output"|"predicted_total"|"predicted_remaining"|"expected_output"|"expected_remaining"|"rank"|"paused"|"priority"|"deadline"|"output_tokens"
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
---@field handoff? fun(self: mbsand.Policy, req: mbsand.Request, replica: mbsand.Replica): mbsand.Replica? where a request goes on that emitted its first token on a replica that only prefills
---@field signal? fun(self: mbsand.Policy, event: mbsand.Event) something happened that no other hook tells of
---@field signal_kinds? mbsand.EventKind[] the only kinds of events for which `signal` is called; nil: all

---@alias mbsand.EventKind "arrived"|"copied"|"aborted"|"up"|"draining"|"down"|"off"

---What `signal` gets: the fields that belong to the kind of event; docs/clusters.md lists them.
---@class mbsand.Event
---@field kind mbsand.EventKind
---@field replica mbsand.Replica? the one that it is about
---@field from mbsand.Replica?
---@field to mbsand.Replica?
---@field request mbsand.Request?
---@field requests mbsand.Request[]?
---@field why string?
---@field seconds number?

---A bin-boundary rule: the function that a script in policies/bins returns.
---@alias mbsand.BinRule fun(lengths: number[], k: integer, options: table): number[]

-- The simulation ---------------------------------------------------------------------------------------------

---@class mbsand.Slo
---@field tbt number? bound on a request's time between tokens, s; nil: none
---@field gap number? bound on its largest time between tokens, s; nil: none
---@field e2e number? bound on a whole request, s; nil: none
---@field late number? bound on the share of its tokens that come later than ttft and tbt say; nil: none
---@field qoe { speed: number, ttft: number }? how its answer is read, tokens per second, and from when, s

---@class mbsand.Asked what the scenario asks of admission; nil where it says nothing
---@field reserve string?
---@field watermark number?
---@field max_requests integer?
---@field token_budget integer?

---@class mbsand.Sim
---@field now number the simulation's time, s
---@field running integer requests in batches, on all replicas
---@field waiting integer requests not yet in a batch, in queues or held by the policy
---@field inbox mbsand.Queue|mbsand.Bins where arrivals go without an `arrive` hook; settable
---@field arrivals_ended boolean the last request has arrived
---@field observing boolean somebody records `sim:observe`
---@field cluster mbsand.Asked what the scenario says
---@field oracle boolean the scenario shows the true output lengths
---@field queue mbsand.Queue the default queue, first in, first out
---@field replicas mbsand.Replica[] numbered from 1
---@field slo mbsand.Slo
---@field clients table<integer|string, mbsand.Client> by req.client or by name; nil for one not seen yet
local Sim = {}

---Make a queue. Without `by`: first in, first out. A function gives a number; smaller comes first. Ties keep their order.
---`of`: it becomes replica.queue of a replica whose queue was not read yet.
---`age`: the key falls by so much for each second since arrival; "ratio": that time divided by the key, largest first.
---@param options? { by?: mbsand.Order|(fun(req: mbsand.Request): number), of?: mbsand.Replica, age?: number|"ratio" }
---@return mbsand.Queue
function Sim:queue(options) end

---Make bins: give `edges` (exclusive upper bounds, one less than bins), or a `rule` and a `count`.
---@param options { key?: mbsand.Key|(fun(req: mbsand.Request): number), edges?: number[], rule?: string, count?: integer, [string]: any }
---@return mbsand.Bins
function Sim:bins(options) end

---Sorted lengths known before the run: the head of the trace, or draws of the generator; of the run itself in an oracle.
---@param key? "predicted_output"|"prompt_tokens"|"predicted_total"|"output_tokens"
---@return number[]
function Sim:sample(key) end

---@param name string of cluster.groups
---@return mbsand.Replica[] in order of their numbers
function Sim:group(name) end

---Give ranks (req:rank) to all in a queue, all that run on a replica, a request, or a list of requests, of which those that
---have left are passed over. A queue by "rank" is in its new order at once.
---@param whom mbsand.Queue|mbsand.Replica|mbsand.Request|mbsand.Request[]
---@param by number|mbsand.Order|"qoe_gain" a key that queues have, or - gain / context
---@param of? mbsand.Gain of "qoe_gain"
function Sim:rank(whom, by, of) end

---Move a waiting request with its KV memory: one that was handed off, is paused or swapped. False: there is no room.
---@param req mbsand.Request
---@param replica mbsand.Replica
---@param how? { queue?: mbsand.Queue, place?: "back"|"front", layers?: integer } queue: where it waits then, replica.queue
---@return boolean
---@return string? why
function Sim:send(req, replica, how) end

---Move a request that decodes while it goes on, in stages. False: there is no room.
---@param req mbsand.Request
---@param replica mbsand.Replica
---@param how? { stages?: integer, last?: integer } at most so many (3), the last when so many blocks are left (16)
---@return boolean
---@return string? why
function Sim:migrate(req, replica, how) end

---Copy what the cache of one replica holds of a waiting request to another's. False: there is no room, or nothing to copy.
---@param req mbsand.Request
---@param from mbsand.Replica
---@param to mbsand.Replica
---@return boolean
---@return string? why
function Sim:copy(req, from, to) end

---Give up what moves the request; true if something did.
---@param req mbsand.Request
---@return boolean
function Sim:abort(req) end

---A replica more, up in `delay` seconds (the group's start_delay); nil and "limit" above its max_gpus.
---@param options? { group?: string, delay?: number }
---@return mbsand.Replica?
---@return "limit"?
function Sim:add(options) end

---Of those that are up the replica with the least of it ("load": running + waiting in its own queue); of equals the first.
---@param what? "load"|"running"|"waiting"
---@return mbsand.Replica
function Sim:least(what) end

---From now on arrivals go to the replicas' own queues by this rule, and `arrive` is not called. False: it is again.
---With a role, and the last three rules, among replicas of that role; "decode" is of requests that are handed off, in place of `handoff`.
---@param rule false|"turns"|"random"|"two"|"load"|"running"|"waiting" "two": the less loaded of two that are drawn; "load" and on: Sim:least
---@param role? "prefill"|"decode"
function Sim:route(rule, role) end

---Call `fn` once, `dt` seconds from now.
---@param dt number at least 0
---@param fn fun()
---@return integer number
function Sim:after(dt, fn) end

---Call `fn` every `dt` seconds, first in `dt` seconds or at the time `at`.
---@param dt number above 0
---@param fn fun()
---@param at? number on the simulation's clock, not before sim.now
---@return integer number
function Sim:every(dt, fn, at) end

---A timer fires no more; true if it would have fired.
---@param number integer what sim:after or sim:every returned
---@return boolean
function Sim:cancel(number) end

---Turn a request away that waits or, in `schedule`, one that runs on that replica; `finish` is called with "rejected".
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

---Take the last request out; it waits on, in no queue.
---@return mbsand.Request?
function Queue:pop_back() end

---The last request, which stays.
---@return mbsand.Request?
function Queue:peek_back() end

---What the order rests on has changed: ask all keys anew (n log n).
function Queue:reorder() end

---Those in it, in order, who waited at least so long by their clocks (req:clock) and, with `ratio`, were served, and waited
---at least so many times as long as that.
---@param seconds number
---@param ratio? number
---@return mbsand.Request[]
function Queue:starved(seconds, ratio) end

---Of the first `most` in it (by default all), the one of whose known tokens that replica has most in its cache, the first of
---these; and how many tokens. With `beginning`: of several that begin with the same unit of a prefix, and of which no more
---than so many tokens are cached, only the first counts, and the others come after all else: what it computes they will find.
---`met` is a table in which it remembers them, from one call to the next.
---@param replica mbsand.Replica
---@param most? number
---@param beginning? integer tokens
---@param met? table<integer|string, integer>
---@return mbsand.Request?, integer?
function Queue:longest_cached(replica, most, beginning, met) end

---Take a request out of this queue; false if it was not in it.
---@param req mbsand.Request
---@return boolean
function Queue:remove(req) end

---Seconds until those in the queue, or those before `req` in it, are gone at the pace of what runs now; nil where no
---replica is up that serves them. Of engines that step, and are no pipelines.
---@param req? mbsand.Request one that waits in it
---@return number?
function Queue:wait_estimate(req) end

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

---Other edges, as many or not; the waiting are filed again, in order of arrival.
---@param edges number[]
function Bins:set_edges(edges) end
