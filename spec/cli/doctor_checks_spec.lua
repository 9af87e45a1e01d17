-- Checks of `pgvector doctor` that depend on the server, with facts made up.

local examine = require "pgvector.cli.doctor.examine"
local names = require "pgvector.cli.doctor.names"
local versions = require "pgvector.cli.doctor.versions"

-- A healthy database, with an hnsw index.
local function healthy()
  local index = {
    schema = "app", name = "items_v", method = "hnsw", valid = true, building = false, size = 1000, rows = 500,
    expression = "v", opclass = "vector_l2_ops", metric = "l2", columns = { "v" }, plain = true, with = {},
  }
  local tbl = {
    schema = "app", name = "items", analyzed = true, live = 500, dead = 0, rows = 500, readable = true,
    columns = { { name = "v", kind = "vector", dim = 3, null_share = 0 } }, indexes = { index },
  }
  return {
    server = {
      version = 150004, database = "app", role = "ada", maintenance_work_mem = 2 ^ 26, shared_buffers = 2 ^ 27,
      max_parallel_maintenance_workers = 2,
    },
    pooler = { present = false, changes = false }, available = "0.8.5", library = { iterative_scans = true },
    extension = { version = "0.8.5", schema = "public", visible = true }, settings = {}, tables = { tbl },
  }, index, tbl
end

-- The findings of a check, or of all.
local function findings(facts, check)
  local some = {}
  for _, finding in ipairs(examine.findings(facts)) do
    if not check or finding.check == check then some[#some + 1] = finding end
  end
  return some
end

-- { check, level, message, change(facts, index, table), another change on which it is silent (nil: none) }
local cases = {
  { "server_old", "warning", "PostgreSQL 12 is too old", function(f) f.server.version = 120012 end,
    function(f) f.server.version = 130000 end },
  { "extension_missing", "error", "the extension is not there", function(f) f.extension, f.tables = nil, {} end },
  { "extension_outdated", "warning", "its objects are those of 0.8.2, the server has 0.8.5",
    function(f) f.extension.version = "0.8.2" end, function(f) f.available = "0.8.3" end },
  { "extension_hidden", "warning", "not on the search_path", function(f) f.extension.visible = false end },
  { "library_newer", "warning", "its objects are those of 0.5.1, the library is newer",
    function(f) f.extension.version, f.available = "0.5.1", nil end,
    function(f) f.extension.version, f.available = "0.5.1", "0.8.5" end }, -- extension_outdated says it
  { "library_newer", "warning", "the library is newer", function(f) f.extension.version, f.available = "0.5.1", "0.5.1" end,
    function(f) f.extension.version, f.available, f.library.iterative_scans = "0.5.1", "0.5.1", false end },
  { "extension_old", "warning", "0.6.2 has no iterative scans and no halfvec", function(f) f.extension.version, f.available = "0.6.2", "0.6.2" end },
  { "extension_old", "warning", "0.7.4 has no iterative scans, which", function(f) f.extension.version, f.available = "0.7.4", nil end,
    function(f) f.extension.version, f.available = "0.8.0", nil end },
  { "parallel_build_fault", "warning", "in 0.8.1", function(f) f.extension.version, f.available = "0.8.1", "0.8.1" end,
    function(f) f.extension.version, f.available = "0.8.2", nil end },
  { "parallel_build_fault", "warning", "in 0.6.0", function(f) f.extension.version, f.available = "0.6.0", nil end,
    function(f) f.extension.version, f.available = "0.5.1", nil end },
  { "parallel_build_fault", "warning", "in 0.8.1", function(f) f.extension.version, f.available = "0.8.1", "0.8.1" end,
    function(f) -- the way around it is taken
      f.extension.version, f.available, f.server.max_parallel_maintenance_workers = "0.8.1", "0.8.1", 0
    end },
  { "vacuum_fault", "warning", "in 0.8.2", function(f) f.extension.version, f.available = "0.8.2", "0.8.2" end,
    function(f) f.extension.version, f.available = "0.8.3", nil end },
  { "vacuum_fault", "warning", "in 0.8.2", function(f) f.extension.version, f.available = "0.8.2", "0.8.2" end,
    function(f, index) f.extension.version, f.available, index.method = "0.8.2", "0.8.2", "ivfflat" end },
  { "parallel_maintenance", "note", "max_parallel_maintenance_workers is 0",
    function(f) f.server.max_parallel_maintenance_workers = 0 end,
    function(f) -- on purpose
      f.server.max_parallel_maintenance_workers, f.extension.version, f.available = 0, "0.8.1", nil
    end },
  { "pooler", "note", "gives each transaction another session", function(f) f.pooler = { present = true, changes = true } end },
  { "pooler", "note", "there is a pooler in between", function(f) f.pooler = { present = true, changes = false } end },
  { "setting_invalid", "warning", "hnsw.ef_search = 5000 is not from 1 to 1000",
    function(f) f.settings[1] = { database = "app", name = "hnsw.ef_search", value = "5000" } end,
    function(f) f.settings[1] = { database = "app", name = "hnsw.ef_search", value = "1000" } end },
  { "setting_invalid", "warning", "there is no parameter hnsw.ef_serach, did you mean 'hnsw.ef_search'?",
    function(f) f.settings[1] = { role = "ada", name = "hnsw.ef_serach", value = "50" } end },
  { "setting_invalid", "warning", "ivfflat.iterative_scan does not know 'strict_order'",
    function(f) f.settings[1] = { name = "ivfflat.iterative_scan", value = "strict_order" } end,
    function(f) f.settings[1] = { name = "hnsw.iterative_scan", value = "strict_order" } end },
  { "setting_invalid", "warning", "hnsw.scan_mem_multiplier = many", function(f) f.settings[1] = { name = "hnsw.scan_mem_multiplier", value = "many" } end,
    function(f) f.settings[1] = { name = "hnsw.scan_mem_multiplier", value = "1.5" } end },
  { "ef_search_low", "note", "hnsw.ef_search = 39:", function(f) f.settings[1] = { role = "ada", name = "hnsw.ef_search", value = "39" } end,
    function(f) f.settings[1] = { role = "ada", name = "hnsw.ef_search", value = "40" } end },
  { "index_invalid", "note", "it is being built", function(_, index) index.valid, index.building = false, true end },
  { "index_maintenance_memory", "note", "it has 65 MB: built anew it does not fit into maintenance_work_mem (64 MB)",
    function(_, index) index.size = 65 * 2 ^ 20 end, function(_, index) index.size = 64 * 2 ^ 20 end },
  { "index_cache", "note", "it has 2 GB and does not fit into shared_buffers (128 MB)", function(_, index) index.size = 2 ^ 31 end,
    function(_, index) index.size = 2 ^ 27 end },
  { "ivfflat_lists", "warning", "10 lists are too few for 2,000,000 rows",
    function(_, index, tbl) index.method, index.with, tbl.rows, index.rows = "ivfflat", { lists = 10 }, 2e6, 2e6 end,
    function(_, index, tbl) index.method, index.with, tbl.rows, index.rows = "ivfflat", { lists = 1414 }, 2e6, 2e6 end },
  { "ivfflat_lists", "warning", "100 lists are too few for 1,000,000 rows",
    function(_, index, tbl) index.method, tbl.rows = "ivfflat", 1e6 end,
    function(_, index, tbl) index.method, index.with, tbl.rows = "ivfflat", { lists = 1000 }, 1e6 end },
  { "column_unindexed", "warning", "there is no index", function(_, index, tbl) tbl.rows, index.valid = 10001, false end,
    function(_, index, tbl) tbl.rows, index.valid, index.building = 10001, false, true end },
}

describe("a check of the doctor", function()
  it("finds nothing in a healthy database", function() assert.same({}, findings((healthy()))) end)

  for _, case in ipairs(cases) do
    local check, level, message = case[1], case[2], case[3]
    it(("finds %s: %s"):format(check, message), function()
      local facts, index, tbl = healthy()
      case[4](facts, index, tbl)
      local some = findings(facts, check)
      assert.equal(1, #some)
      assert.equal(level, some[1].level)
      assert.truthy(some[1].message:find(message, 1, true), some[1].message)
      assert.is_true(#some[1].object > 0 and #some[1].remedy > 0)
    end)
    if case[5] then
      it(("is silent where it should be: %s, %s"):format(check, message), function()
        local facts, index, tbl = healthy()
        case[5](facts, index, tbl)
        assert.same({}, findings(facts, check))
      end)
    end
  end

  it("is one of a kind, by its name", function()
    local seen = {}
    for _, check in ipairs(examine.checks) do
      assert.is_nil(seen[check.name])
      seen[check.name] = true
    end
  end)
end)

describe("versions", function()
  it("are compared by their numbers", function()
    for _, pair in ipairs{ { "0.8.0", "0.8.1" }, { "0.8.9", "0.8.10" }, { "0.8", "0.8.1" }, { "0.9", "1" }, { "0.8.5-dev", "0.8.6" } } do
      assert.is_true(versions.older(pair[1], pair[2]))
      assert.is_false(versions.older(pair[2], pair[1]))
    end
    assert.is_false(versions.older("0.8.0", "0.8"))
  end)
end)

describe("sizes", function()
  it("are written in the unit that suits them", function()
    for bytes, text in pairs{ [8192] = "8 kB", [2 ^ 20] = "1 MB", [3.6 * 2 ^ 30] = "4 GB" } do
      assert.equal(text, names.size(bytes))
    end
  end)
end)
