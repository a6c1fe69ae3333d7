-- The completer's claim: the client was authenticated when the order was first claimed.
-- KEYS order, open orders · ARGV lease in ms, name -> {fence, receipt, user, what is wanted} | false nothing to do
local now = now_ms()
local record = redis.call('HMGET', KEYS[1], 'state', 'lease_until', 'receipt', 'user', 'wanted')
local state, lease_until, receipt, user, wanted = unpack(record)
if state == 'processed' or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[2])
  return false
end
if state ~= 'processing' or not (lease_until and receipt and user and wanted) then
  return redis.error_reply('UNREADABLE state ' .. tostring(state) .. ', or a field is missing')
end
if tonumber(lease_until) > now then
  return false
end
lease_until = now + tonumber(ARGV[1])
redis.call('HSET', KEYS[1], 'lease_until', lease_until)
redis.call('ZADD', KEYS[2], lease_until, ARGV[2])
return {redis.call('HINCRBY', KEYS[1], 'fence', 1), receipt, user, wanted}
