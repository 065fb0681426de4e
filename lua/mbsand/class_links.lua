-- What ties the classes of a workload to their names, to clients and to times.
local class_links = {}

function class_links.check_names(result, place)
  local names = {}
  for i, class in ipairs(result.classes or {}) do
    if names[class.name] then
      place:fail('classes %d and %d are both named "%s"; expected different names', names[class.name], i, class.name)
    end
    names[class.name] = i
  end
end

-- Who sends the requests of a class, and when.
function class_links.check(result, class, place)
  local title = ('class "%s"'):format(class.name)
  local count = math.max(result.clients, 1)
  for _, client in ipairs(class.clients or {}) do
    if result.users then
      place:fail("%s: users are dealt out to the clients in turn; a class cannot have clients there", title)
    end
    if client >= count then
      place:fail("%s: there is no client %d; workload.clients = %d has numbers 0 to %d", title, client, result.clients,
        count - 1)
    end
  end
  if not class.active then return end
  if result.users or result.sessions then
    place:fail("%s: active is for requests that come by themselves; with %s when they come depends on the policy, which must "
      .. "not change what they are", title, result.users and "users" or "sessions")
  end
  for _, phase in ipairs(class.active) do
    if #phase ~= 2 then place:fail("%s: a phase of active has %d numbers; expected { from, to } in seconds", title, #phase) end
    if phase[2] <= phase[1] then
      place:fail("%s: a phase of active lasts from %g s to %g s; expected { from, to } with to after from", title,
        phase[1], phase[2])
    end
  end
end

return class_links
