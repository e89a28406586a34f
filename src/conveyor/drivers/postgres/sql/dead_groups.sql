-- dead_groups.sql: dead letters that meet a filter, counted by what they have in common, the most frequent first.
-- in:  as find.sql, without below and limit
-- out: the columns of `findings.DeadGroup`
SELECT queue, type, reason, conveyor.error_type_of(errors), conveyor.fingerprint_of(errors), count(*),
       min(finished_at), max(finished_at), (array_agg(id ORDER BY id DESC))[1]
  FROM conveyor.every
 WHERE place = ANY (%(places)s::text[])
   AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s::uuid[]))
   AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
   AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))
   AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
   AND (%(reasons)s::text[] IS NULL OR reason = ANY (%(reasons)s::text[]))
   AND (%(error)s::text IS NULL OR conveyor.last_error_holds(errors, %(error)s::text))
   AND (%(fingerprint)s::text IS NULL OR conveyor.fingerprint_of(errors) = %(fingerprint)s::text)
   AND (%(tag)s::text IS NULL OR conveyor.has_tag(options, %(tag)s::text))
   AND (%(before)s::bigint IS NULL OR coalesce(finished_at, pushed_at) < %(before)s::bigint)
   AND (%(after)s::bigint IS NULL OR coalesce(finished_at, pushed_at) >= %(after)s::bigint)
 GROUP BY 1, 2, 3, 4, 5
 ORDER BY count(*) DESC, max(finished_at) DESC;
