---@meta mbsand.request
-- Requests and their clients, for editors; see mbsand.lua beside it.

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
---@field max_output integer? the caller's bound on the output, tokens
---@field user any yours
local Request = {}

---Seconds of waiting, all in all.
---@return number
function Request:waited() end

---@return "waiting"|"running"|"prefill"|"decode"|"paused"|"swapped"|"handoff"|"moving" "running" under batch models only
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

---Times that its replica failed under it.
---@return integer
function Request:failures() end

---Believe the whole output to be of so many tokens: for "expected_output", "expected_remaining" and the reserve "expected".
---With a list of past answers: one of them that is longer than what is generated, drawn as by math.random; a token more than
---that, if eight draws were not longer.
---@param tokens number|number[] at least 0
function Request:expect(tokens) end

---The number for `by = "rank"`; 0 at first. Without an argument: what it is.
---@param number? number
---@return number?
function Request:rank(number) end

---Seconds that it was served and that it waited, by two clocks that start with it; with two numbers these are set.
---@param served? number
---@param waited? number
---@return number? served
---@return number? waited
function Request:clock(served, waited) end

---What being served for the next `horizon` seconds, instead of waiting, adds to its reader's quality of experience (Andes).
---@param of mbsand.Gain
---@return number share of what he expects by then, 0 to 1
function Request:qoe_gain(of) end

---@class mbsand.Gain
---@field horizon number s, above 0
---@field speed? number tokens/s of a reader that the scenario's qoe does not describe
---@field ttft? number s

---What the predictor says of the whole output now, tokens; more than `predicted_output` where that is `predict.refined` or
---`predict.bins`.
---@param what? "output"|"low"|"high"|number "output"; a number: a quantile between 0 and 1
---@return integer
function Request:predict(what) end
