-- Every authenticated script has KEYS[1] session or API key, KEYS[2] revocation, the user as its last key, ARGV[1] user,
-- and answers false (nil to the client) when that is not live. The check and the operation are one atomic step: there
-- is no gap in which a revoked session still acts. A session is of the epoch in which it was opened; "log out
-- everywhere" begins the next one. A count, not a time, so that no clock decides. API keys are of no epoch.
local function live()
  if redis.call('EXISTS', KEYS[2]) == 1 then
    return false
  end
  local user, epoch = unpack(redis.call('HMGET', KEYS[1], 'user', 'epoch'))
  return user == ARGV[1] and (not epoch or epoch == redis.call('HGET', KEYS[#KEYS], 'epoch'))
end

