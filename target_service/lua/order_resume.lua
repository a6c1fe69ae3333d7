-- KEYS order, open orders · ARGV name, lease in ms -> {fence, receipt, user, what is wanted} | false nothing to do
return resume(KEYS[1], KEYS[2], ARGV[1], 'processing', 'processed', ARGV[2], {'receipt', 'user', 'wanted'})
