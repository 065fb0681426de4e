-- power_of_two: a router. For each arrival two different replicas are drawn at random; it goes to the own queue of the one with
-- fewer requests, running and waiting. Each replica serves its queue as the policy `engine` (vllm_v1) does. Parameters are
-- those of it.
-- Source: Vvedenskaya, Dobrushin & Karpelevich 1996; Mitzenmacher, "The power of two choices in randomized load
-- balancing", 1996.
local PowerOfTwo = require "mbsand.router".new()
PowerOfTwo.route = "two"
return PowerOfTwo
