-- KEYS payment, open payments · ARGV name, lease in ms -> {fence, payment id, order} | false nothing to do
return resume(KEYS[1], KEYS[2], ARGV[1], 'open', 'done', ARGV[2], {'payment_id', 'order'})
