-- A leased record is worked on by one owner at a time. It is a hash with these fields:
--   state        one name while it is being worked on, another when it is over; each kind has two names of its own
--   fence        the number of the newest claim: the owner's proof, which every later claim makes worthless
--   lease_until  ms, by the store's clock; after that time anybody may make the next claim
--   answer       stored once, with the state that says that the record is over
-- The name of a payment or an order that is not over stands in a sorted set beside it, with the time in ms from which
-- the completer may take it. Jobs stand in a stream instead (jobs.py) and share `owns` alone.
--
-- payment_claim.lua and order_claim.lua have only `take` in common: what each looks at before is what makes it a payment
-- or an order, and one script for both would be a list of exceptions.

-- Tells whether `fence` is the newest claim on a record in the state `working` and, with `now`, whether its lease lasts.
local function owns(record, working, fence, now)
  local state, newest, lease_until = unpack(redis.call('HMGET', record, 'state', 'fence', 'lease_until'))
  return state == working and newest == fence and (not now or tonumber(lease_until) >= now)
end

-- Makes the next claim, with a lease of `lease` ms from `now` on -> its fence
local function take(record, open, name, now, lease)
  local lease_until = now + tonumber(lease)
  redis.call('HSET', record, 'lease_until', lease_until)
  redis.call('ZADD', open, lease_until, name)
  return redis.call('HINCRBY', record, 'fence', 1)
end

-- Makes the next claim for the completer. The client was authenticated when the record was first claimed.
-- -> {fence, the values of `fields`} | false it is over, gone or still under a lease | an error: it cannot be read
local function resume(record, open, name, working, over, lease, fields)
  local values = redis.call('HMGET', record, 'state', 'lease_until', unpack(fields))
  local state, lease_until = values[1], values[2]
  if state == over or redis.call('EXISTS', record) == 0 then
    redis.call('ZREM', open, name)
    return false
  end
  for _, value in ipairs({state == working, unpack(values, 2)}) do
    if not value then
      return redis.error_reply('UNREADABLE state ' .. tostring(state) .. ', or a field is missing')
    end
  end
  local now = now_ms()
  if tonumber(lease_until) > now then
    return false
  end
  return {take(record, open, name, now, lease), unpack(values, 3)}
end

-- Ends the lease now; the completer may take the record `backoff` ms later -> 1 | 0 not the owner
local function release(record, open, name, working, fence, backoff)
  if not owns(record, working, fence) then
    return 0
  end
  local now = now_ms()
  redis.call('HSET', record, 'lease_until', now)
  redis.call('ZADD', open, now + tonumber(backoff), name)
  return 1
end

-- Stores the answer and the state `over` -> the answer that counts (the first one) | false a newer owner has it,
-- and, beside it, whether this call has stored it
local function finish(record, open, name, over, fence, answer)
  local state, newest, stored = unpack(redis.call('HMGET', record, 'state', 'fence', 'answer'))
  if state == over then
    return stored, false
  end
  if newest ~= fence then
    return false, false
  end
  redis.call('HSET', record, 'state', over, 'answer', answer)
  redis.call('HDEL', record, 'lease_until')
  redis.call('ZREM', open, name)
  return answer, true
end

-- Lists at most `most` names whose lease has ended, longest ago first, and puts each off by `pause` ms: records that
-- nobody can read do not stand before the others for ever.
local function due(open, most, pause)
  local now = now_ms()
  local names = redis.call('ZRANGEBYSCORE', open, '-inf', now, 'LIMIT', 0, most)
  for _, name in ipairs(names) do
    redis.call('ZADD', open, now + tonumber(pause), name)
  end
  return names
end

