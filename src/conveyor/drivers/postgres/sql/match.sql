-- match.sql: the ids of jobs that meet a filter, smallest first: see find.sql.
-- in:  places, ids, queues, types, statuses, reasons (arrays or NULL), error, fingerprint, tag, before, after, last, above (the id of the step
--      before, or NULL), limit
-- out: ids
SELECT id
  FROM conveyor.every
 WHERE place = ANY (%(places)s::text[])
   AND id <= %(last)s::uuid AND (%(above)s::uuid IS NULL OR id > %(above)s::uuid)
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
 ORDER BY id LIMIT %(limit)s::bigint;
