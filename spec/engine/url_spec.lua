local pg = require "pgvector"
local url = require "pgvector.engine.url"

describe("an engine's URL", function()
  local cases = {
    { "a URL", "postgresql://ada:secret@db.example:5433/app?sslmode=require",
      { user = "ada", password = "secret", host = "db.example", port = "5433", dbname = "app", sslmode = "require" } },
    { "SQLAlchemy's driver suffix", "postgresql+psycopg://ada@db.example/app",
      { user = "ada", host = "db.example", dbname = "app" } },
    { "several hosts", "postgresql://a:1,b:2/app?target_session_attrs=read-write",
      { host = "a,b", port = "1,2", dbname = "app", target_session_attrs = "read-write" } },
    { "escapes", "postgresql://a%40b:p%3A%2F@h/d", { user = "a@b", password = "p:/", host = "h", dbname = "d" } },
    { "a socket directory", "postgresql:///app?host=/run/pg", { host = "/run/pg", dbname = "app" } },
    { "libpq's keyword string", "host=h dbname='my db' user=u", { host = "h", dbname = "my db", user = "u" } },
    { "a table of keywords", { host = "h", port = 5433, dbname = "d" }, { host = "h", port = "5433", dbname = "d" } },
  }
  for _, case in ipairs(cases) do
    it("is accepted as " .. case[1], function()
      local keywords = url.keywords(case[2])
      for key, value in pairs(case[3]) do assert.equal(value, keywords[key], key) end
    end)
  end

  it("takes further keywords from connect_args, which win", function()
    local keywords = url.keywords("postgresql://h/d?application_name=a", { application_name = "b", connect_timeout = 3 })
    assert.equal("b", keywords.application_name)
    assert.equal("3", keywords.connect_timeout)
    assert.equal("0.5", url.keywords({ connect_timeout = 0.5 }).connect_timeout)
  end)

  local wrong = {
    { "mysql://h/d", "expected postgresql://" },
    { "postgresql://h/d?nonsense=1", "nonsense" },
    { "host='unfinished", "unterminated" },
    { "postgresql://h/d?connect_timeout=soon", "connect_timeout: expected seconds, got 'soon'" },
    { 42, "expected a URL" },
    { { host = {} }, "keyword 'host': expected a string" },
  }
  for i, case in ipairs(wrong) do
    it(("is refused with a reason (%d)"):format(i), function()
      local _, err = pg.try(pg.create_engine, case[1])
      assert.equal("ArgumentError", err.class)
      assert.truthy(err.message:find(case[2], 1, true), err.message)
    end)
  end

  it("never shows the password", function()
    for _, text in ipairs { "postgresql://ada:secret@h/d", "host=h password=secret dbname=d",
      "host=h password='se secret' dbname=d", "postgresql://h/d?user=a&password=secret" } do
      assert.is_nil(tostring(pg.create_engine(text)):find("secret", 1, true))
      assert.is_nil(url.hidden(text):find("secret", 1, true), text)
    end
    assert.equal("Engine(user=ada host=h dbname=d password=***)", tostring(pg.create_engine("postgresql://ada:secret@h/d")))
  end)
end)

describe("create_engine", function()
  local wrong = {
    { { pool_sise = 3 }, "create_engine: unknown option 'pool_sise', did you mean 'pool_size'?" },
    { { pool_size = 1.5 }, "create_engine: pool_size: expected a whole number, got 1.5" },
    { { max_overflow = 0.5 }, "create_engine: max_overflow: expected a whole number, got 0.5" },
    { { pool_size = "3" }, "create_engine: pool_size: expected a number, got string" },
    { { isolation_level = "CEREALIZABLE" },
      "isolation_level: unknown level 'CEREALIZABLE', did you mean 'SERIALIZABLE'?" },
    { { wait = "qcueues" }, "wait: expected 'auto', 'blocking', 'cqueues', 'luv', 'openresty', a function or a table, got 'qcueues', did you mean 'cqueues'?" },
    { { echo = 1 }, "create_engine: echo: expected true, false or a function, got number" },
  }
  for _, case in ipairs(wrong) do
    it("refuses: " .. case[2], function()
      local _, err = pg.try(pg.create_engine, "postgresql:///d", case[1])
      assert.equal("ArgumentError", err.class)
      assert.equal(case[2], err.message)
    end)
  end
end)
