-- KEYS session, revocation, preferences · ARGV user, version to replace or *, theme, language, timezone
-- -> {updated_ms, version} | {} another version is current | false not live
if not live() then
  return false
end
local current = redis.call('HGET', KEYS[3], 'version') or '0'
if ARGV[2] ~= '*' and ARGV[2] ~= current then
  return {}
end
local now, version = now_ms(), tonumber(current) + 1
redis.call('HSET', KEYS[3], 'theme', ARGV[3], 'language', ARGV[4], 'timezone', ARGV[5], 'updated_ms', now,
  'version', version)
return {now, version}
