-- Lines that look like the program's own, and controls of the terminal in one byte and in two.
-- expect: print_control: mbsand: everything is well
-- reject: control
local P = {}
function P:schedule()
  print("x\nmbsand: everything is well\r\27[2J\155 and \194\155" .. "31m \226\128\174")
  self.sim:log("\27]0;title\7")
  error("stop \194\155")
end
return P
