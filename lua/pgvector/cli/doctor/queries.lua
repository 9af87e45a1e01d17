--- What the doctor asks the catalogs.
-- @module pgvector.cli.doctor.queries

local queries = {}

-- Types of the extension, wherever it lives.
local vector_types = [[SELECT d.objid FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'vector'
    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'e'
      AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass]]

local vector_indexes = [[SELECT i.indrelid, i.indexrelid, i.indkey FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
    JOIN pg_catalog.pg_am AS m ON m.oid = ic.relam AND m.amname IN ('hnsw', 'ivfflat')]]

--- The server.
queries.server = [[
SELECT pg_catalog.current_database() AS database, current_user AS role,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) AS maintenance_work_mem,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) AS shared_buffers,
  pg_catalog.current_setting('max_parallel_maintenance_workers')::int AS max_parallel_maintenance_workers]]

--- The extension's files, as far as the server has them.
queries.available = [[
SELECT default_version AS version FROM pg_catalog.pg_available_extensions WHERE name = 'vector']]

--- Is the schema $1 on the search_path?
queries.visible = [[SELECT $1::name = ANY (pg_catalog.current_schemas(true))]]

--- The table $2 of the schema $1, or of the search_path.
queries.find = [[
SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = $2 AND c.relkind IN ('r', 'p', 'm', 'f', 'v')
  AND CASE WHEN $1::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $1 END]]

--- The tables with vectors, or those of $1 (OIDs) among them.
queries.tables = [[
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.reltuples::float8 AS reltuples,
  COALESCE(s.n_live_tup, 0) AS live, COALESCE(s.n_dead_tup, 0) AS dead,
  COALESCE(s.last_analyze, s.last_autoanalyze) IS NOT NULL AS analyzed,
  pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
  AND ($1::oid[] IS NULL OR c.oid = ANY ($1))
  AND (c.oid IN (SELECT v.indrelid FROM (]] .. vector_indexes .. [[) AS v)
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0
      AND NOT a.attisdropped AND a.atttypid IN (]] .. vector_types .. [[)))
ORDER BY n.nspname, c.relname]]

--- The vector columns of the tables $1; bit strings are some where a vector index has them.
queries.columns = [[
SELECT a.attrelid AS relation, a.attname AS name, t.typname AS kind, NULLIF(a.atttypmod, -1) AS dim,
  (SELECT s.null_frac::float8 FROM pg_catalog.pg_stats AS s
    WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
    ORDER BY s.inherited LIMIT 1) AS null_share
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.atttypid IN (]] .. vector_types .. [[) OR a.atttypid = 'pg_catalog.bit'::pg_catalog.regtype
    AND EXISTS (SELECT FROM (]] .. vector_indexes .. [[) AS v
      WHERE v.indrelid = a.attrelid AND a.attnum = ANY (v.indkey)))
ORDER BY a.attrelid, a.attnum]]

--- The vector indexes of the tables $1.
queries.indexes = [[
SELECT i.indrelid AS relation, n.nspname AS schema, c.relname AS name, m.amname AS method, i.indisvalid AS valid,
  c.relkind = 'I' AS partitioned, c.relispartition AS partition,
  c.reltuples::float8 AS reltuples, c.reloptions AS options,
  CASE WHEN c.relkind = 'i' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END AS size,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) AS predicate,
  pg_catalog.pg_get_indexdef(i.indexrelid, 1, true) AS expression, p.opcname AS opclass,
  i.indkey[0] <> 0 AS plain,
  ARRAY(SELECT DISTINCT a.attname::text FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
      AND d.refclassid = d.classid AND d.refobjid = i.indrelid AND d.refobjsubid > 0
    ORDER BY 1) AS columns,
  EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS b WHERE b.index_relid = i.indexrelid) AS building
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am AS m ON m.oid = c.relam AND m.amname IN ('hnsw', 'ivfflat')
JOIN pg_catalog.pg_opclass AS p ON p.oid = i.indclass[0]
WHERE i.indrelid = ANY ($1::oid[])
ORDER BY i.indrelid, c.relname]]

--- Search parameters that sessions begin with: of this database, of roles, of the server.
queries.settings = [[
SELECT d.datname AS database, r.rolname AS role, pg_catalog.split_part(c.entry, '=', 1) AS name,
  pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1) AS value
FROM pg_catalog.pg_db_role_setting AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (entry)
WHERE (s.setdatabase = 0 OR d.datname = pg_catalog.current_database())
  AND c.entry ~ '^(hnsw|ivfflat)\.'
UNION ALL
SELECT NULL, NULL, name, setting FROM pg_catalog.pg_settings
WHERE name ~ '^(hnsw|ivfflat)\.' AND source IN ('configuration file', 'command line')
ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3]]

return queries
