-- Tells whether the session or the API key of a request is live. Every authenticated script begins with this question,
-- so the check and the operation are one atomic step: there is no gap in which a revoked session still acts. When the
-- answer is no, the script returns false, which the client sees as nil. Such a script has these keys and arguments:
--   KEYS[1] the session or API key   KEYS[2] its revocation   KEYS[#KEYS] the user   ARGV[1] the user's id
-- A session belongs to the epoch of its user in which it was opened, and "log out everywhere" begins the next epoch. The
-- epoch is a count and not a time, so no clock decides. API keys belong to no epoch.
local function live()
  if redis.call('EXISTS', KEYS[2]) == 1 then
    return false
  end
  local user, epoch = unpack(redis.call('HMGET', KEYS[1], 'user', 'epoch'))
  return user == ARGV[1] and (not epoch or epoch == redis.call('HGET', KEYS[#KEYS], 'epoch'))
end

