-- KEYS session, revocation, preferences · ARGV user -> {theme, language, timezone, updated_ms, version} | false not live
if not live() then
  return false
end
return redis.call('HMGET', KEYS[3], 'theme', 'language', 'timezone', 'updated_ms', 'version')
