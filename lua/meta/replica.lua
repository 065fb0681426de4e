---@meta mbsand.replica
-- Replicas and their memory, for editors; see mbsand.lua beside it.

---@class mbsand.Kv
---@field capacity number tokens; math.huge: no limit
---@field used number tokens reserved now
---@field free number tokens; math.huge: no limit
---@field block integer tokens of a block; 1 under a batch model
---@field fits fun(tokens: number): boolean would a request of this final length fit now?

---@class mbsand.Seen the replica as of the last publication that is old enough (cluster.signals)
---@field time number s
---@field running integer
---@field decodes integer
---@field waiting integer in its own queue
---@field waiting_tokens integer of the prompts there
---@field context integer
---@field kv_used integer
---@field kv_free number
local Seen = {}

---Tokens of a waiting request's prefix that were published as stored.
---@param req mbsand.Request
---@return integer
function Seen:cached(req) end

---@class mbsand.Replica
---@field seen mbsand.Seen
---@field id integer from 1
---@field role "both"|"prefill"|"decode" settable: "prefill" hands requests off at their first token
---@field state "up"|"starting"|"draining"|"down"|"off"
---@field group string? of cluster.groups
---@field model string? as the scenario names it (cluster.model, or its group's)
---@field gpu string? as the scenario names it
---@field tp integer GPUs that share a layer
---@field ranks integer replicas that step, come, go and fail together with it (cluster.experts), itself among them; else 1
---@field cluster mbsand.Asked what the scenario asks of its admission
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
---@overload fun(self: mbsand.Replica, step: { prefill?: integer|integer[], prefix?: integer|integer[], decodes?: integer, context?: integer }): number
function Replica:estimate(batch) end

---The longest chunk of prompts with which a step of all decodes takes at most so long, without noise. Of an engine.
---@param seconds number
---@param least integer tokens; the answer where none is short enough
---@param most integer
---@return integer
function Replica:longest_chunk(seconds, least, most) end

---What each that runs is expected to put out (`req:expect`) moves so far towards what the predictor says now
---(`req:predict`). What was expected so far is its rank, not rounded, or else what was predicted. Of an engine. With a list
---of past answers: becomes one of them, as `req:expect` draws it.
---@param weight number|number[] from 0 to 1; 1: what it says now
function Replica:foresee(weight) end

---Ask `schedule` for it as soon as it stands at a boundary, although nothing has come for it.
function Replica:wake() end

---From now on the core fills this replica's steps: carry, and unless that had to preempt, admit. False: `schedule` is called again.
---@param step false|{ queue: mbsand.Queue, most?: number, carry?: mbsand.Find|{ find?: mbsand.Find, victim?: string }, after_preemption?: boolean, displace?: "newest"|"oldest", age?: number }
function Replica:plain(step) end

---It takes nothing new, and is off when the last request has left; what waits in its queue moves to `to` (sim.queue).
---@param to? mbsand.Queue
function Replica:drain(to) end

---Up again, while it drains.
function Replica:undrain() end

---Off at once; only one that is empty.
function Replica:remove() end

---It fails now; up again in `repair` seconds, or never.
---@param repair? number
function Replica:fail(repair) end
