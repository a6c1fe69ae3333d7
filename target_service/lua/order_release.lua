-- KEYS order, open orders · ARGV name, fence, backoff in ms before the completer takes it -> 1 | 0 not the owner
return release(KEYS[1], KEYS[2], ARGV[1], 'processing', ARGV[2], ARGV[3])
