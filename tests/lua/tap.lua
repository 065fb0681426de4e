-- A test harness in 40 lines: ok / not ok lines (TAP), exit status 1 on any failure.

package.path = "tests/lua/?.lua;tests/oracle/?.lua;lua/?.lua;" .. package.path

local tap = { count = 0, failed = 0 }

-- As the program gives it to lua/mbsand/scenario.lua.
function tap.is_file(path)
  local file = io.open(path, "rb")
  local readable = file ~= nil and file:read(0) ~= nil
  if file then file:close() end
  return readable
end

function tap.ok(condition, name, ...)
  tap.count = tap.count + 1
  if condition then
    print("ok " .. tap.count .. " - " .. name)
  else
    tap.failed = tap.failed + 1
    print("not ok " .. tap.count .. " - " .. name)
    for i = 1, select("#", ...) do print("# " .. tostring((select(i, ...)))) end
  end
  return condition
end

function tap.equal(got, want, name)
  return tap.ok(got == want, name, "got  " .. tostring(got), "want " .. tostring(want))
end

function tap.near(got, want, tolerance, name)
  local good = type(got) == "number" and math.abs(got - want) <= tolerance
  return tap.ok(good, name, "got  " .. tostring(got), "want " .. tostring(want) .. " within " .. tolerance)
end

function tap.skip(name, why)
  tap.count = tap.count + 1
  print("ok " .. tap.count .. " - " .. name .. " # SKIP " .. why)
end

function tap.done()
  print("1.." .. tap.count)
  os.exit(tap.failed == 0 and 0 or 1)
end

return tap
