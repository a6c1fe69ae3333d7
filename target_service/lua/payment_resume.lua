-- The completer's claim: the client was authenticated when the payment was first claimed.
-- KEYS payment, open payments · ARGV lease in ms, name -> {fence, payment id, order} | false nothing to do
local now = now_ms()
local record = redis.call('HMGET', KEYS[1], 'state', 'lease_until', 'payment_id', 'order')
local state, lease_until, payment_id, order = unpack(record)
if state == 'done' or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[2])
  return false
end
if state ~= 'open' or not (lease_until and payment_id and order) then
  return redis.error_reply('UNREADABLE state ' .. tostring(state) .. ', or a field is missing')
end
if tonumber(lease_until) > now then
  return false
end
lease_until = now + tonumber(ARGV[1])
redis.call('HSET', KEYS[1], 'lease_until', lease_until)
redis.call('ZADD', KEYS[2], lease_until, ARGV[2])
return {redis.call('HINCRBY', KEYS[1], 'fence', 1), payment_id, order}
