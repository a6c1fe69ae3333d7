-- KEYS session, revocation, cart · ARGV user -> {line, what it holds, ...} | false not live
if not live() then
  return false
end
return redis.call('HGETALL', KEYS[3])
