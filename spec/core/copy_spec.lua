-- COPY in both directions: whole rows only, batches, malformed data.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

local null = core.null

local function columns() return { { kind = "int4", name = "id" }, { kind = "text", name = "name" } } end

local function message_of(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err.message, err
end

describe("a COPY buffer", function()
  it("of the binary format holds header, rows and trailer", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "binary")
    assert.are.equal(0, #buffer)
    buffer:header()
    assert.are.equal("PGCOPY\n\255\r\n\0" .. ("\0"):rep(8), tostring(buffer))
    assert.are.equal(19 + 2 + 8 + 6, buffer:row(1, "ab"))
    buffer:row_table({ 2, nil, n = 2 })
    buffer:trailer()
    assert.are.equal("\0\2\0\0\0\4\0\0\0\1\0\0\0\2ab" .. "\0\2\0\0\0\4\0\0\0\2\255\255\255\255" .. "\255\255",
      tostring(buffer):sub(20))
    assert.are.equal(#tostring(buffer), #buffer)
  end)

  it("of the text format escapes what separates", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "text")
    buffer:header()
    buffer:row(1, "a\tb\nc\\d\b\f\r\v")
    buffer:row(2, null)
    buffer:row(3, "\\N")
    buffer:trailer()
    assert.are.equal("1\ta\\tb\\nc\\\\d\\b\\f\\r\\v\n2\t\\N\n3\t\\\\N\n", tostring(buffer))
  end)

  it("holds whole rows only: a refused one leaves nothing behind", function()
    for _, format in ipairs({ "binary", "text" }) do
      local specs = columns()
      specs[3] = { kind = "vector", name = "embedding", dim = 3 }
      local buffer = core.copy_buffer(core.encoder(specs), format)
      buffer:row(1, "one", { 1, 2, 3 })
      local before = tostring(buffer)
      local message, err = message_of(buffer.row, buffer, 2, "two", { 1, 2 })
      assert.are.equal("row 2, column 3 (embedding): expected 3 dimensions, not 2", message)
      assert.are.equal("DataError", err.class)
      assert.are.equal("embedding", err.column)
      assert.are.equal(2, err.row)
      assert.are.equal(before, tostring(buffer))
      buffer:row(1, "one", { 1, 2, 3 })
      assert.are.equal(before .. before, tostring(buffer))
    end
  end)

  it("counts the values of a row", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "binary")
    assert.are.equal("row 1: expected 2 values, got 1", (message_of(buffer.row, buffer, 1)))
    buffer:row(1, "x")
    assert.are.equal("row 2: expected 2 values, got 3", (message_of(buffer.row_table, buffer, { 1, 2, 3 })))
    assert.are.equal("row 2: expected 2 values, got 1", (message_of(buffer.row_table, buffer, { 1, nil })))
    assert.are.equal("row 2: expected a row, got number", (message_of(buffer.row_table, buffer, 5)))
    assert.are.equal("row 2: expected a row, got string", (message_of(buffer.rows, buffer, { "x" })))
  end)

  it("takes a sequence of rows in batches of 64 KiB", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "binary")
    local rows = {}
    for i = 1, 3000 do rows[i] = { i, ("x"):rep(82) } end -- 96 bytes and the counts: 2 + 8 + 86
    local next_row = buffer:rows(rows)
    assert.are.equal(math.ceil(65536 / 96) + 1, next_row)
    assert.is_true(#buffer >= 65536 and #buffer < 65536 + 96)
    assert.are.equal(next_row, buffer:rows(rows, next_row)) -- full: it takes none
    assert.are.equal(3001, core.copy_buffer(core.encoder(columns()), "text"):rows(rows, 2990))
    assert.are.equal(3001, buffer:rows(rows, 3001))
  end)

  it("counts the rows of all batches in its messages", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "binary")
    buffer:rows({ { 1, "a" }, { 2, "b" } })
    local message = message_of(buffer.rows, buffer, { { 3, "c" }, { "x", "d" } })
    assert.are.equal('row 4, column 1 (id): expected integer, got string "x"', message)
    assert.are.equal(3 * (2 + 8 + 5), #buffer)
  end)

  it("passes values through the convert function", function()
    local specs = columns()
    specs[2].convert = string.upper
    local buffer = core.copy_buffer(core.encoder(specs), "text")
    buffer:row(1, "one")
    buffer:row(2, nil)
    assert.are.equal("1\tONE\n2\t\\N\n", tostring(buffer))
  end)

  it("has no binary format for types that have none", function()
    local encoder = core.encoder({ { kind = "int4" }, { kind = "inet" } })
    local message = message_of(core.copy_buffer, encoder, "binary")
    assert.are.equal("column 2 has no binary form: use the text format", message)
  end)

  it("keeps its encoder alive", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "text")
    collectgarbage()
    collectgarbage()
    buffer:row(1, "x")
    local message = message_of(buffer.row, buffer, true, "x")
    assert.are.equal("row 2, column 1 (id): expected integer, got boolean", message)
  end)
end)

describe("COPY", function()
  local pg

  before_each(function()
    pg = assert(pq.connect())
    pq.query(pg, "CREATE TEMP TABLE t (id int, name text)")
  end)
  after_each(function() pg:finish() end)

  -- libpq takes less than all of it at a time where the socket is full
  local function put(buffer)
    while true do
      local taken = pg:put_copy(buffer)
      if taken then break end
      assert.is_false(taken)
      core.poll(pg:socket(), "rw")
      pg:consume_input()
    end
    assert.are.equal(0, #buffer)
    pq.flush(pg)
  end

  for _, format in ipairs({ "binary", "text" }) do
    it(("stores many rows in the %s format and reads them back"):format(format), function()
      local rows = {}
      for i = 1, 20000 do rows[i] = { i, i % 7 == 0 and null or ("tab\t back\\ "):rep(i % 5) } end
      pq.query(pg, ("COPY t FROM STDIN (FORMAT %s)"):format(format))
      local buffer = core.copy_buffer(core.encoder(columns()), format)
      buffer:header()
      local next_row = 1
      while next_row <= #rows do
        next_row = buffer:rows(rows, next_row)
        put(buffer)
      end
      buffer:trailer()
      put(buffer)
      assert.is_true(pg:put_copy_end())
      assert.are.equal(20000, pq.results(pg):cmd_tuples())

      pq.query(pg, ("COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT %s)"):format(format))
      local reader = core.copy_reader(core.decoder(columns()), format)
      local n = 0
      while true do
        local data, err = pg:get_copy()
        assert.is_nil(err)
        if data == nil then break end
        if data then
          for _, row in ipairs(reader:feed(data)) do
            n = n + 1
            if row.id ~= n or row[2] ~= rows[n][2] then error("row " .. n) end
          end
        else
          core.poll(pg:socket(), "r")
          pg:consume_input()
        end
      end
      assert.are.equal(20000, n)
      assert.are.equal("command_ok", pq.results(pg):status())
    end)
  end

  it("stores nothing if it is ended with a message", function()
    pq.query(pg, "COPY t FROM STDIN")
    local buffer = core.copy_buffer(core.encoder(columns()), "text")
    buffer:row(1, "x")
    put(buffer)
    assert.is_true(pg:put_copy_end("no more of that"))
    local err = pq.results(pg):error()
    assert.are.equal("57014", err.sqlstate)
    assert.is_truthy(err.message:find("no more of that", 1, true))
    assert.are.equal(0, pq.value(pq.params(pg, "SELECT count(*) FROM t"), "int8"))
  end)

  it("outside of a COPY is refused in libpq's words", function()
    local buffer = core.copy_buffer(core.encoder(columns()), "text")
    buffer:row(1, "x")
    for _, step in ipairs({ "put_copy", "put_copy_end", "get_copy" }) do
      local ok, err = pg[step](pg, step == "put_copy" and buffer or nil)
      assert.is_nil(ok)
      assert.is_truthy(err.message:find("^no COPY in progress"))
    end
    assert.is_true(#buffer > 0)
  end)
end)

describe("a COPY reader", function()
  local function data_of(format, ...)
    local buffer = core.copy_buffer(core.encoder(columns()), format)
    buffer:header()
    for _, row in ipairs({ ... }) do buffer:row_table(row) end
    buffer:trailer()
    return tostring(buffer)
  end

  local expected = { { 1, "a\tb", id = 1, name = "a\tb" }, { 2, null, id = 2 }, { 3, "", id = 3, name = "" } }

  for _, format in ipairs({ "binary", "text" }) do
    local data = data_of(format, { 1, "a\tb" }, { 2, null }, { 3, "" })

    it(("reads %s data that is cut anywhere"):format(format), function()
      for cut = 0, #data do
        local reader = core.copy_reader(core.decoder(columns()), format)
        local rows = reader:feed(data:sub(1, cut))
        for _, row in ipairs(reader:feed(data:sub(cut + 1))) do rows[#rows + 1] = row end
        assert.are.same(expected, rows)
      end
    end)

    it(("reads %s data byte by byte"):format(format), function()
      local reader = core.copy_reader(core.decoder(columns()), format)
      local rows = {}
      for i = 1, #data do
        for _, row in ipairs(reader:feed(data:sub(i, i))) do rows[#rows + 1] = row end
      end
      assert.are.same(expected, rows)
    end)

    it(("survives mutated %s data"):format(format), function()
      local seed = 7
      local function random(n)
        seed = (seed * 16807) % 2147483647
        return seed % n
      end
      for _ = 1, 3000 do
        local at = 1 + random(#data)
        local bytes = data:sub(1, at - 1) .. string.char(random(256)) .. data:sub(at + 1 + random(3))
        local reader = core.copy_reader(core.decoder(columns()), format)
        local ok, err = pcall(reader.feed, reader, bytes)
        if not ok then assert.are.equal("DataError", err.class) end
      end
    end)
  end

  for _, case in ipairs({
    { "binary", "PGCOPX\n\255\r\n\0\0\0\0\0\0\0\0\0", "malformed COPY data" },
    { "binary", "PGCOPY\n\255\r\n\0\0\1\0\0\0\0\0\0", "malformed COPY data" },
    { "binary", "PGCOPY\n\255\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0", "expected 2 columns, got 1" },
    { "binary", "PGCOPY\n\255\r\n\0\0\0\0\0\0\0\0\0\0\2\255\255\255\254", "malformed COPY data" },
    { "text", "1\n", "malformed COPY data" },
    { "text", "1\t2\t3\n", "malformed COPY data" },
    { "text", "1\t2\\\n", "malformed COPY data" },
    { "text", "x\t2\n", "row 1, column 1 (id): malformed value of type integer" },
  }) do
    it(("refuses %s data: %q"):format(case[1], case[2]), function()
      local reader = core.copy_reader(core.decoder(columns()), case[1])
      assert.are.equal(case[3], (message_of(reader.feed, reader, case[2])))
      assert.are.same({}, reader:feed("1\t2\n")) -- nothing more comes out of it
    end)
  end

  it("skips the header's extension, and what comes behind the trailer", function()
    local data = data_of("binary", { 1, "x" })
    data = data:sub(1, 15) .. "\0\0\0\3abc" .. data:sub(20) .. "garbage"
    local reader = core.copy_reader(core.decoder(columns()), "binary")
    assert.are.equal(1, #reader:feed(data))
    assert.are.same({}, reader:feed(data_of("binary", { 2, "y" })))
  end)

  it("cannot be fed by a convert function of its own", function()
    local specs, reader = columns(), nil
    specs[2].convert = function() reader:feed("2\ty\n") end
    reader = core.copy_reader(core.decoder(specs), "text")
    local message = message_of(reader.feed, reader, "1\tx\n")
    assert.are.equal("row 1, column 2 (name): COPY data is being read", message)
  end)
end)
