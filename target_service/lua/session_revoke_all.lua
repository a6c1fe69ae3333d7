-- KEYS session, revocation, user · ARGV user -> 1 every session of the user is over | false was not live
if not live() then
  return false
end
redis.call('HINCRBY', KEYS[3], 'epoch', 1)
return 1
