-- What is no table, index, constraint or bind is refused where it is given.

local pg = require "pgvector"

local function message_of(fn)
  local ok, err = pcall(fn)
  assert.is_false(ok, "it did not raise")
  assert(pg.is_error(err, "ArgumentError") or pg.is_error(err, "InvalidRequestError"), tostring(err))
  return err.message
end

local tbl = pg.Table("t", pg.MetaData(), {
  pg.Column{ "a", pg.Integer }, pg.UniqueConstraint("a"), pg.Index("i", "a"),
})

describe("a DDL statement", function()
  local wanted = {
    CreateTable = "a table or a model", DropTable = "a table or a model", CreateIndex = "an index",
    DropIndex = "an index", AddConstraint = "a constraint", DropConstraint = "a constraint",
    CreateView = "a view of pg.View", DropView = "a view of pg.View",
  }
  for name, what in pairs(wanted) do
    it(name .. " refuses what is not " .. what, function()
      for _, wrong in ipairs{ false, "x", 5, {}, print, pg.Text } do
        if wrong == false then wrong = nil end
        assert.matches("expected " .. what .. ", got ", message_of(function() pg[name](wrong) end), 1, true)
      end
    end)
  end

  it("refuses a name that is none", function()
    for _, name in ipairs{ "CreateSchema", "DropSchema", "CreateExtension", "DropExtension" } do
      for _, wrong in ipairs{ "", 5, ("x"):rep(64), "a\0" } do
        assert.matches("^%w+ name", message_of(function() pg[name](wrong) end))
      end
    end
  end)

  it("refuses what belongs to no table", function()
    for name, alone in pairs{
      CreateIndex = pg.Index("i", "a"), DropIndex = pg.Index("i", "a"), AddConstraint = pg.UniqueConstraint("a"),
      DropConstraint = pg.CheckConstraint("a > 0", { name = "c" }),
    } do
      assert.matches("^" .. name .. ": .* belongs to no table", message_of(function() pg[name](alone) end))
    end
  end)

  it("refuses an option that it does not know, under its own name", function()
    assert.matches("^CreateTable: unknown option 'if_not_exist', did you mean",
      message_of(function() pg.CreateTable(tbl, { if_not_exist = true }) end))
    assert.matches("^DropIndex: unknown option", message_of(function() pg.DropIndex(tbl.indexes[1], { cascde = true }) end))
  end)
end)

describe("what runs DDL", function()
  local index, view = tbl.indexes[1], pg.View("v", pg.select(tbl.c.a))
  local runs = {
    create_all = function(bind) tbl.metadata:create_all(bind) end, drop_all = function(bind) tbl.metadata:drop_all(bind) end,
    ["table:create"] = function(bind) tbl:create(bind) end, ["table:drop"] = function(bind) tbl:drop(bind) end,
    ["index:create"] = function(bind) index:create(bind) end, ["index:drop"] = function(bind) index:drop(bind) end,
    ["view:create"] = function(bind) view:create(bind) end, ["view:drop"] = function(bind) view:drop(bind) end,
    ["view:refresh"] = function(bind) pg.View("m", pg.select(tbl.c.a), { materialized = true }):refresh(bind) end,
    ["sequence:create"] = function(bind) pg.Sequence("s"):create(bind) end,
  }
  for name, run in pairs(runs) do
    it(name .. " refuses what is neither engine nor connection", function()
      for _, wrong in ipairs{ false, "postgresql:///x", 5, {}, tbl } do
        if wrong == false then wrong = nil end
        assert.matches("bind: expected an engine or a connection, got ", message_of(function() run(wrong) end), 1, true)
      end
    end)
  end
end)

describe("a definition", function()
  local refused = {
    ["ForeignKey: expected \"table.column\" or a column, got nil"] = function() pg.ForeignKey() end,
    ["ForeignKey: unknown option 'ondelet', did you mean 'ondelete'?"] = function()
      pg.ForeignKey("a.b", { ondelet = "CASCADE" })
    end,
    ["Column server_default: the server evaluates it"] = function()
      pg.Column{ "a", pg.Integer, server_default = function() return 1 end }
    end,
    ["Column comment: expected a string, got number"] = function() pg.Column{ "a", pg.Integer, comment = 5 } end,
    ["Column info: expected a table, got number"] = function() pg.Column{ "a", pg.Integer, info = 5 } end,
    ["Column default: a table would be shared between rows"] = function() pg.Column{ "a", pg.JSONB, default = {} } end,
    ["literal: a function is not a value"] = function() pg.literal(print, pg.JSONB) end,
  }
  for text, make in pairs(refused) do
    it("refuses: " .. text, function() assert.matches(text, message_of(make), 1, true) end)
  end
end)
