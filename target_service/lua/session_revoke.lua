-- KEYS session, revocation · ARGV user, leeway in ms -> 1 revoked | false was not live
if not live() then
  return false
end
-- No token of this session outlives the record, so the revocation lives as long as the record would have lived.
local remaining = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1], 'PX', math.max(remaining, 1) + ARGV[2])
redis.call('DEL', KEYS[1])
return 1
