---@meta mbsand.step
-- The step that a policy fills, and the one that has ended, for editors; see mbsand.lua beside it.

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
---their ends do not fit in memory. No effect under a batch model, where it is always so. With n, each gets at most n tokens;
---who is not done then goes to the back of its queue, to be computed again.
---@param n? integer
---@return integer returned
function Step:barrier(n) end

---Composing this step took so long: its first step, or whole batch, takes longer by it.
---@param seconds number at least 0
function Step:cost(seconds) end

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

---@alias mbsand.Find "needed"|"spare"

---Go on with all running requests; returns how many were preempted for want of memory. Under a batch model none runs here.
---@param rule? mbsand.Find|{ find?: mbsand.Find, victim?: "newest"|"oldest"|mbsand.Order } what a decode must find free: the block that it needs, if it does (default), or a block anyway
---@return integer preempted
function Step:carry(rule) end

---Set a running request aside. An error under a batch model: nothing runs at a step boundary.
---@param req mbsand.Request
---@param how? "recompute"|"swap"|"pause"|"restart" "recompute"
---@param queue? mbsand.Queue the one that it came from
---@param place? "front"|"back" "front"
---@return boolean done
---@return "host"? reason host memory is full
function Step:preempt(req, how, queue, place) end

---Whom this step has set aside, by whatever call, one after the other, and that wait. Empty under a batch model.
---@return mbsand.Request[]
function Step:preempted() end

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
