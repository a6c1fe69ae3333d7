-- KEYS session, revocation, cart · ARGV user, line, life of a cart in ms -> 1 removed | 0 no such line | false not live
if not live() then
  return false
end
local removed = redis.call('HDEL', KEYS[3], ARGV[2])
if removed == 1 then
  redis.call('PEXPIRE', KEYS[3], ARGV[3])
end
return removed
