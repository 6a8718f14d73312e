-- Writes what happened to many topics since the last flush, in one round trip.
-- ARGV: lease TTL in ms, count of leases, then (lease key, token) of each;
--       then for each batch: index of its lease, history key ('' writes none), latest key, id, events, history length,
--       count of the fields that follow, and (field, value) of each.
-- Returns the indexes (from 1) of the batches that were refused: another loop holds the lease, or has written on.
-- A lease that is gone is taken again here, before the first write. A batch that was written before is no error.
-- The field `beat` gets the second by this clock, whatever its value: those of the loops may be wrong.
-- What was written prolongs its lease: a loop with more to do than time comes late to all else.
local ttl = ARGV[1]
local now = redis.call('TIME')[1]
local held = {}
local at = 3
for n = 1, tonumber(ARGV[2]) do
  local holder = redis.call('GET', ARGV[at])
  if not holder then
    redis.call('SET', ARGV[at], ARGV[at + 1], 'PX', ttl)
    holder = ARGV[at + 1]
  end
  held[n] = holder == ARGV[at + 1]
  at = at + 2
end
local refused = {}
local batch = 0
while at <= #ARGV do
  batch = batch + 1
  local history, latest, id, fields = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 6])
  local accepted = held[tonumber(ARGV[at])]
  if accepted and history ~= '' then
    local added = redis.pcall('XADD', history, 'MAXLEN', '~', ARGV[at + 5], id, 'events', ARGV[at + 4])
    if type(added) == 'table' and added.err then
      if not string.find(added.err, 'equal or smaller', 1, true) then
        return added -- no memory, no disk: all of it is written again, and what was written already does no harm
      end
      accepted = #redis.call('XRANGE', history, id, id) > 0
    end
  end
  if accepted then
    local pairs_of = {latest}
    for n = 1, fields * 2, 2 do
      local name = ARGV[at + 6 + n]
      pairs_of[n + 1] = name
      pairs_of[n + 2] = name == 'beat' and now or ARGV[at + 7 + n]
    end
    if fields > 0 then
      redis.call('HSET', unpack(pairs_of))
    end
  else
    refused[#refused + 1] = batch
  end
  at = at + 7 + fields * 2
end
-- Not before: once a script has written anything, Redis lets it write on without memory.
for n = 1, #held do
  if held[n] then
    redis.call('PEXPIRE', ARGV[1 + 2 * n], ttl)
  end
end
return refused
