-- find.sql: jobs that meet a filter, greatest id first. An empty condition is NULL and always holds; the statement is planned
-- anew each time, so that it costs nothing.
-- in:  places, ids, queues, types, statuses, reasons (arrays or NULL), error, fingerprint, tag, before, after, below (the id of the page
--      before, or NULL), limit
-- out: the columns of `records.StoredJob`
SELECT id, queue, type, status, priority, payload, coalesce(options, ''), attempt, failures, crashes, max_crashes, pushed_at, due_at,
       expires_at, unique_key, lease_until, worker, cancel_requested, started_at, finished_at, result, reason, note, held,
       '[' || array_to_string(errors, ',') || ']', memory
  FROM conveyor.every
 WHERE place = ANY (%(places)s::text[])
   AND (%(below)s::uuid IS NULL OR id < %(below)s::uuid)
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
 ORDER BY id DESC LIMIT %(limit)s::bigint;
