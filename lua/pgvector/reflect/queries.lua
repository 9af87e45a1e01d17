--- The catalog queries: one for each kind of object, for a whole schema.
--
-- $1 of those that look for objects is a schema; NULL means what the
-- search_path shows, "pg_temp" the session's temporary objects. The others take
-- the OIDs of tables.
-- @module pgvector.reflect.queries

local queries = {}

-- The condition on a namespace `n`; `visible` is the catalog's function for
-- the kind of object, applied to its OID.
local function in_schema(visible)
  return ([[CASE WHEN $1::text IS NULL THEN %s AND n.nspname <> 'pg_catalog'
  WHEN $1 = 'pg_temp' THEN n.oid = pg_catalog.pg_my_temp_schema()
  ELSE n.nspname = $1 END]]):format(visible)
end

-- The name of the extension that an object belongs to, or NULL.
local function extension_of(catalog, oid)
  return ([[(SELECT e.extname FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.%s'::pg_catalog.regclass AND d.objid = %s AND d.deptype = 'e'
      AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass)]]):format(catalog, oid)
end

-- Names of columns by their numbers, in that order.
local function column_names(numbers, relation)
  return ([[ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(%s) WITH ORDINALITY AS k (number, place)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = %s AND a.attnum = k.number ORDER BY k.place)]])
    :format(numbers, relation)
end

-- The array of numbers that JSON holds.
local function numbers_of(json)
  return ([[ARRAY(SELECT n.number::int2 FROM pg_catalog.jsonb_array_elements_text(NULLIF(%s, 'null'))
    WITH ORDINALITY AS n (number, place) ORDER BY n.place)]]):format(json)
end

--- Tables and views. $2: their names, as an array, or NULL.
queries.relations = [[
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
  pg_catalog.pg_table_is_visible(c.oid) AS visible,
  pg_catalog.obj_description(c.oid, 'pg_class') AS comment, s.spcname AS tablespace, c.reloptions AS options,
  CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_by,
  c.relispartition AS is_partition,
  CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS definition,
  ]] .. extension_of("pg_class", "c.oid") .. [[ AS extension
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
  AND ]] .. in_schema "pg_catalog.pg_table_is_visible(c.oid)" .. [[

  AND ($2::text[] IS NULL OR c.relname::text = ANY ($2))
ORDER BY n.nspname, c.relname]]

-- The numbers of a sequence; as text, because they reach the ends of int8.
local sequence_numbers = [[q.seqstart::text AS start, q.seqincrement::text AS increment,
  q.seqmin::text AS minvalue, q.seqmax::text AS maxvalue, q.seqcache::text AS cache, q.seqcycle AS cycle]]

--- Columns of the tables $1. `b` is a column's type, or the element's type of an array.
queries.columns = [[
SELECT a.attrelid AS relation, a.attname AS name, NOT a.attnotnull AS nullable,
  pg_catalog.pg_get_expr(f.adbin, f.adrelid, true) AS expression, NULLIF(a.attgenerated, '') AS generated,
  NULLIF(a.attidentity, '') AS identity, pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
  CASE WHEN a.attcollation <> t.typcollation THEN (SELECT l.collname FROM pg_catalog.pg_collation AS l
    WHERE l.oid = a.attcollation) END AS collation,
  pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.atttypmod AS typmod,
  b.oid <> t.oid AS is_array, a.attndims AS dimensions,
  pg_catalog.format_type(b.oid, a.atttypmod) AS element, b.typname AS type_name, b.typtype AS type_kind,
  bn.nspname AS type_schema, pg_catalog.pg_type_is_visible(b.oid) AS type_visible,
  ]] .. extension_of("pg_type", "b.oid") .. [[ AS type_extension,
  CASE WHEN b.typtype = 'e' THEN ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e
    WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder) END AS labels,
  sn.nspname AS sequence_schema, s.relname AS sequence_name,
  pg_catalog.pg_table_is_visible(s.oid) AS sequence_visible, ]] .. sequence_numbers .. [[

FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type AS o ON o.oid = t.typelem AND o.typarray = t.oid
JOIN pg_catalog.pg_type AS b ON b.oid = COALESCE(o.oid, t.oid)
JOIN pg_catalog.pg_namespace AS bn ON bn.oid = b.typnamespace
LEFT JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_catalog.pg_class AS s ON s.oid = CASE WHEN a.attidentity <> ''
  THEN (SELECT d.objid FROM pg_catalog.pg_depend AS d
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid
      AND d.refobjsubid = a.attnum AND d.classid = d.refclassid AND d.deptype = 'i' LIMIT 1)
  ELSE (SELECT d.refobjid FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_class AS r ON r.oid = d.refobjid AND r.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass LIMIT 1) END
LEFT JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace
LEFT JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = s.oid
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum]]

--- Constraints of the tables $1. A foreign key to a partitioned table has further rows, one for each
-- partition of that. confdelsetcols came with PostgreSQL 15.
queries.constraints = [[
SELECT c.conrelid AS relation, c.conname AS name, c.contype AS kind, c.condeferrable AS deferrable,
  c.condeferred AS deferred, NOT c.convalidated AS not_valid, c.connoinherit AS no_inherit,
  ]] .. column_names("c.conkey", "c.conrelid") .. [[ AS columns,
  pg_catalog.obj_description(c.oid, 'pg_constraint') AS comment,
  CASE WHEN c.contype = 'c' THEN pg_catalog.pg_get_expr(c.conbin, c.conrelid, true) END AS condition,
  CASE WHEN c.contype = 'x' THEN ARRAY(SELECT o.oprname::text
    FROM pg_catalog.unnest(c.conexclop) WITH ORDINALITY AS k (oid, place)
    JOIN pg_catalog.pg_operator AS o ON o.oid = k.oid ORDER BY k.place) END AS operators,
  r.relname AS referred_table, rn.nspname AS referred_schema,
  pg_catalog.pg_table_is_visible(r.oid) AS referred_visible,
  ]] .. column_names("c.confkey", "c.confrelid") .. [[ AS referred_columns,
  c.confupdtype AS onupdate, c.confdeltype AS ondelete, c.confmatchtype AS match,
  ]] .. column_names(numbers_of("pg_catalog.to_jsonb(c) -> 'confdelsetcols'"), "c.conrelid") .. [[ AS set_columns
FROM pg_catalog.pg_constraint AS c
LEFT JOIN pg_catalog.pg_class AS r ON r.oid = c.confrelid
LEFT JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
WHERE c.contype IN ('p', 'u', 'c', 'f', 'x') AND c.conrelid = ANY ($1::oid[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS o
    WHERE o.oid = c.conparentid AND o.conrelid = c.conrelid)
ORDER BY c.conrelid, c.conname]]

--- The elements of the indexes of the tables $1: a row each, that repeats what
-- is the index's. indnullsnotdistinct came with PostgreSQL 15.
queries.index_elements = [[
SELECT i.indrelid AS relation, i.indexrelid AS oid, c.relname AS name, m.amname AS method,
  i.indisunique AS is_unique, i.indisvalid AS is_valid, i.indnkeyatts AS key_count,
  COALESCE((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS nulls_not_distinct,
  c.reloptions AS options, s.spcname AS tablespace,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) AS predicate,
  pg_catalog.obj_description(c.oid, 'pg_class') AS comment, k.conname AS backs,
  a.attname AS column_name, pg_catalog.pg_get_indexdef(i.indexrelid, e.place, true) AS expression,
  i.indoption[e.place - 1] AS flags,
  CASE WHEN pg_catalog.pg_opclass_is_visible(p.oid) THEN p.opcname
    ELSE pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.opcname) END AS opclass,
  p.opcdefault AS is_default,
  CASE WHEN CASE WHEN a.attnum IS NULL THEN l.collname <> 'default' ELSE l.oid <> a.attcollation END
    THEN l.collname END AS collation
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
CROSS JOIN LATERAL pg_catalog.generate_series(1, i.indnatts) AS e (place)
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[e.place - 1]
  AND a.attnum > 0
LEFT JOIN pg_catalog.pg_opclass AS p ON p.oid = i.indclass[e.place - 1] AND e.place <= i.indnkeyatts
LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.opcnamespace
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = i.indcollation[e.place - 1] AND e.place <= i.indnkeyatts
WHERE i.indrelid = ANY ($1::oid[])
ORDER BY i.indrelid, c.relname, e.place]]

--- Enumerated types.
queries.enums = [[
SELECT n.nspname AS schema, t.typname AS name, pg_catalog.pg_type_is_visible(t.oid) AS visible,
  ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
    ORDER BY e.enumsortorder) AS labels,
  pg_catalog.obj_description(t.oid, 'pg_type') AS comment,
  ]] .. extension_of("pg_type", "t.oid") .. [[ AS extension
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND ]] .. in_schema "pg_catalog.pg_type_is_visible(t.oid)" .. [[

ORDER BY n.nspname, t.typname]]

--- Sequences, with the column that one belongs to (SERIAL, identity).
queries.sequences = [[
SELECT n.nspname AS schema, c.relname AS name, pg_catalog.pg_table_is_visible(c.oid) AS visible,
  pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
  ]] .. sequence_numbers .. [[,
  o.relname AS owner_table, a.attname AS owner_column, d.deptype = 'i' AS is_identity
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = c.oid
LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
  AND d.objid = c.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_catalog.pg_class AS o ON o.oid = d.refobjid
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND ]] .. in_schema "pg_catalog.pg_table_is_visible(c.oid)" .. [[

ORDER BY n.nspname, c.relname]]

--- The database's extensions; those of other databases do not show.
queries.extensions = [[
SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema,
  pg_catalog.obj_description(e.oid, 'pg_extension') AS comment
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
ORDER BY e.extname]]

--- Schemas that are not the server's own.
queries.schemas = [[
SELECT n.nspname AS name FROM pg_catalog.pg_namespace AS n
WHERE n.nspname NOT LIKE 'pg\_%' ORDER BY n.nspname]]

return queries
