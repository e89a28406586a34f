-- 0002: what the functions below share.

-- The server's clock in microseconds since 1970.
CREATE FUNCTION clock() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- A moment as Python's `datetime.isoformat` writes it.
CREATE FUNCTION isoformat(moment bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(timestamp 'epoch' + moment / 1000000 * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS')
           || CASE WHEN moment % 1000000 = 0 THEN '' ELSE '.' || lpad((moment % 1000000)::text, 6, '0') END || '+00:00'
$$;

-- The errors of a job with one more. When there are too many, the second makes room, so that the first and the newest stay.
CREATE FUNCTION with_error(errors text[], failure text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN failure IS NULL THEN errors
                WHEN cardinality(errors) >= 50 THEN errors[1:1] || errors[3:] || failure
                ELSE coalesce(errors, '{}') || failure END
$$;

-- Two sets of metrics' buckets together.
CREATE FUNCTION added(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, runs), '{}')
      FROM (SELECT key, sum(value::bigint) AS runs
              FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) AS both_of_them
             GROUP BY key) AS s
$$;

-- Tell waiters of these queues that a job may be ready, or due earlier than they know: once a statement, and only if there
-- are any, for transactions that notify commit one after the other.
CREATE FUNCTION ring(queues text[], ready boolean) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (SELECT FROM waiter AS w
                WHERE w.until > clock_timestamp() AND w.queues && ring.queues
                  AND EXISTS (SELECT FROM unnest(ring.queues) AS rung (queue)
                               WHERE rung.queue = ANY (w.queues)
                                 AND NOT EXISTS (SELECT FROM paused AS p WHERE p.queue = rung.queue))) THEN
        -- One queue is named, so that its waiters need not look and the others need not wake. Payloads are limited to 8,000
        -- bytes.
        PERFORM pg_notify(current_schema(),
                          CASE WHEN ready AND cardinality(queues) = 1 AND octet_length(queues[1]) < 4000
                               THEN queues[1] ELSE '' END);
    END IF;
END
$$;
