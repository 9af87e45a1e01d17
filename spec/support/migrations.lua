--- Projects of migrations in a directory of their own, and what a schema is.
--
--     local project = migrations.project(url)
--     project.write("aaaa", nil, 'op.execute("CREATE TABLE t ()")', 'op.drop_table("t")')
--     project.migrator():upgrade "head"
--     project.remove()

local dir = require "pl.dir"
local pg = require "pgvector"

local migrations = {}

local function list_source(x)
  if not x then return "{}" end
  local names = {}
  for i, name in ipairs(type(x) == "table" and x or { x }) do names[i] = ("%q"):format(name) end
  return "{ " .. table.concat(names, ", ") .. " }"
end

--- Makes a project.
-- @tparam string url of its database
-- @treturn table `directory`; `write(id, down, up, down_source, more)` writes a revision;
--   `migrator(options)`; `remove()`
function migrations.project(url)
  local directory = os.tmpname()
  os.remove(directory)
  dir.makepath(directory .. "/migrations/versions")
  local self = { directory = directory, versions = directory .. "/migrations/versions" }

  function self.write(id, down, up, back, more)
    more = more or {}
    local file = assert(io.open(("%s/%s.lua"):format(self.versions, id), "w"))
    file:write(([[
return {
  revision = %q, down_revision = %s, branch_labels = %s, depends_on = %s, message = %q,
  upgrade = function(op, pg) -- luacheck: ignore
    %s
  end,
  downgrade = function(op, pg) -- luacheck: ignore
    %s
  end,
}
]]):format(id, down and list_source(down) or "false", list_source(more.labels), list_source(more.depends),
      more.message or id, up or "", back or ""))
    file:close()
  end

  function self.migrator(options)
    local settings = { url = url, script_location = directory .. "/migrations" }
    for name, value in pairs(options or {}) do settings[name] = value end
    return pg.migrate.config(settings)
  end

  function self.remove() dir.rmtree(directory) end

  return self
end

-- Each part of the catalogs as lines; `$1` are the schemas.
local parts = {
  [[SELECT 'relation', c.oid::regclass, c.relkind, c.relpersistence, c.reloptions, obj_description(c.oid, 'pg_class')
    FROM pg_class AS c WHERE c.relnamespace = ANY($1::regnamespace[]) AND c.relkind IN ('r', 'v', 'm', 'S', 'i')]],
  [[SELECT 'column', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = ANY($1::regnamespace[]) AND c.relkind IN ('r', 'v', 'm') AND a.attnum > 0
      AND NOT a.attisdropped]],
  [[SELECT 'constraint', o.conrelid::regclass, o.conname, pg_get_constraintdef(o.oid), o.convalidated,
      obj_description(o.oid, 'pg_constraint')
    FROM pg_constraint AS o WHERE o.connamespace = ANY($1::regnamespace[])]],
  [[SELECT 'index', pg_get_indexdef(i.indexrelid), i.indisvalid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = ANY($1::regnamespace[])]],
  [[SELECT 'view', c.oid::regclass, pg_get_viewdef(c.oid)
    FROM pg_class AS c WHERE c.relnamespace = ANY($1::regnamespace[]) AND c.relkind IN ('v', 'm')]],
  [[SELECT 'enum', t.oid::regtype, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
    FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid
    WHERE t.typnamespace = ANY($1::regnamespace[]) GROUP BY t.oid]],
  [[SELECT 'sequence', s.seqrelid::regclass, s.seqstart, s.seqincrement, s.seqmax, s.seqcycle
    FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid WHERE c.relnamespace = ANY($1::regnamespace[])]],
  [[SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_']],
  [[SELECT 'extension', extname FROM pg_extension]],
}

local queries = {}
for i, part in ipairs(parts) do queries[i] = "SELECT row_to_json(part)::text AS line FROM (" .. part .. ") AS part" end
local fingerprint = "SELECT line FROM (" .. table.concat(queries, " UNION ALL ") .. ") AS lines ORDER BY line COLLATE \"C\""

--- What a database has in some schemas, as text: equal for equal schemas.
-- @param conn
-- @tparam[opt] string schemas an array constant, "{public}" unless told otherwise
function migrations.fingerprint(conn, schemas)
  local query = fingerprint:gsub("%$1", "'" .. (schemas or "{public}") .. "'")
  return table.concat(conn:exec_sql(query):scalars():all(), "\n")
end

local function lines_of(text)
  local set, list = {}, {}
  for line in text:gmatch("[^\n]+") do
    set[line] = true
    list[#list + 1] = line
  end
  return set, list
end

--- The lines by which two fingerprints differ: "- line" is in the first only.
-- @treturn table sequence, empty for equal ones
function migrations.difference(first, second)
  local in_first, first_lines = lines_of(first)
  local in_second, second_lines = lines_of(second)
  local found = {}
  for _, line in ipairs(first_lines) do
    if not in_second[line] then found[#found + 1] = "- " .. line end
  end
  for _, line in ipairs(second_lines) do
    if not in_first[line] then found[#found + 1] = "+ " .. line end
  end
  return found
end

return migrations
