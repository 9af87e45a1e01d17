local column = require "pgvector.sql.column".exports
local constraints = require "pgvector.sql.constraints".exports
local index = require "pgvector.sql.index".exports
local naming = require "pgvector.sql.naming"
local schema = require "pgvector.sql.schema".exports
local types = require "pgvector.types"

local function table_with(convention, ...)
  local metadata = schema.MetaData{ naming_convention = convention }
  schema.Table("owners", metadata, { column.Column{ "id", types.Integer, primary_key = true } })
  return schema.Table("items", metadata, {
    column.Column{ "id", types.Integer, primary_key = true },
    column.Column{ "owner_id", types.Integer },
    column.Column{ "title", types.Text },
    ...,
  })
end

describe("the default naming convention", function()
  local cases = {
    { "names a unique constraint by its columns", "uq_items_owner_id_title",
      function() return constraints.UniqueConstraint("owner_id", "title") end },
    { "prefixes a check's own name", "ck_items_positive",
      function() return constraints.CheckConstraint("id > 0", { name = "positive" }) end },
    { "names a foreign key by column and referred table", "fk_items_owner_id_owners",
      function() return constraints.ForeignKeyConstraint({ "owner_id" }, { "owners.id" }) end },
    { "names an exclusion by its columns", "ex_items_owner_id",
      function() return constraints.ExcludeConstraint({ { "owner_id", "=" } }, { using = "gist" }) end },
    { "leaves an explicit name alone", "mine",
      function() return constraints.UniqueConstraint("title", { name = "mine" }) end },
    { "leaves a final name alone", "positive",
      function() return constraints.CheckConstraint("id > 0", { name = naming.final "positive" }) end },
    { "leaves an unnamed check to the server", nil,
      function() return constraints.CheckConstraint("id > 0") end },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.equal(case[2], table_with("default", case[3]()).constraints[1].name)
    end)
  end

  it("names the primary key by the table", function()
    assert.equal("pk_items", table_with("default").primary_key.name)
  end)

  it("names an index by table and columns", function()
    assert.equal("ix_items_owner_id_title", table_with("default", index.Index(nil, "owner_id", "title")).indexes[1].name)
  end)
end)

describe("a naming convention", function()
  it("may be absent: the server names constraints, indexes have a name all the same", function()
    local items = table_with(nil, constraints.UniqueConstraint("title"), index.Index(nil, "title"))
    assert.is_nil(items.constraints[1].name)
    assert.is_nil(items.primary_key.name)
    assert.equal("ix_items_title", items.indexes[1].name)
  end)

  it("may be a table of templates with tokens of its own", function()
    local items = table_with({
      uq = "%(table_name)s_%(column_0_name)s_%(kind)s", fk = "%(column_0N_name)s_%(referred_column_0_name)s",
      kind = function(constraint, tbl) return #constraint.columns .. tbl.name end,
    }, constraints.UniqueConstraint("title", "id"), constraints.ForeignKeyConstraint({ "owner_id" }, { "owners.id" }))
    assert.equal("items_title_2items", items.constraints[1].name)
    assert.equal("owner_id_id", items.constraints[2].name)
  end)

  it("refuses what it does not know", function()
    assert.error_matches(function() schema.MetaData{ naming_convention = "pretty" } end, "expected \"default\"")
    assert.error_matches(function() schema.MetaData{ naming_convention = { uk = "x" } } end, "unknown key 'uk'")
    assert.error_matches(function()
      table_with({ uq = "%(colum_0_name)s" }, constraints.UniqueConstraint("title"))
    end, "unknown token '%%%(colum_0_name%)s'")
  end)

  it("shortens long generated names to 63 bytes, each in its own way", function()
    local long = ("x"):rep(60)
    local metadata = schema.MetaData{ naming_convention = "default" }
    local tbl = schema.Table(long, metadata, {
      column.Column{ "id", types.Integer, primary_key = true },
      column.Column{ "a", types.Integer, index = true }, column.Column{ "b", types.Integer, index = true },
    })
    local a, b = tbl.indexes[1].name, tbl.indexes[2].name
    assert.equal(63, #a)
    assert.equal(63, #b)
    assert.not_equal(a, b)
  end)

  it("refuses an explicit name that the server would cut off", function()
    assert.error_matches(function()
      constraints.UniqueConstraint("title", { name = ("x"):rep(64) })
    end, "longer than 63 bytes")
  end)
end)
