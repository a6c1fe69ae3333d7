-- KEYS session, revocation, order, user · ARGV user
-- -> {state, receipt, what is wanted} | {} none, or another user's | false not live
if not live() then
  return false
end
local user, state, receipt, wanted = unpack(redis.call('HMGET', KEYS[3], 'user', 'state', 'receipt', 'wanted'))
if user ~= ARGV[1] then
  return {}
end
return {state, receipt, wanted}
