-- A forked child has a copy of everything, the connection's socket included.
-- Whatever becomes of that copy, the parent's connection must go on. Only
-- LuaJIT can fork from Lua.

local core = require "pgvector.core"
local pq = require "spec.support.pq"

local jit = rawget(_G, "jit")
local ffi = jit and require "ffi"

if ffi then
  ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"

  -- Runs f in a child, without the atexit handlers of this process.
  local function in_child(f)
    local pid = ffi.C.fork()
    if pid == 0 then
      local ok, err = pcall(f)
      if not ok then io.stderr:write(tostring(err), "\n") end
      ffi.C._exit(ok and 0 or 1)
    end
    local status = ffi.new("int[1]")
    assert.are.equal(pid, ffi.C.waitpid(pid, status, 0))
    assert.are.equal(0, status[0])
  end

  describe("a connection in a forked child", function()
    local holder

    before_each(function() holder = { pg = assert(pq.connect()) } end)
    after_each(function() holder.pg:finish() end)

    local function still_works()
      assert.are.equal("1", pq.value(pq.query(holder.pg, "SELECT 1"), "text"))
      core.poll(holder.pg:socket(), "r", 100) -- a farewell of the child's would arrive now
      assert.are.equal("2", pq.value(pq.query(holder.pg, "SELECT 2"), "text"))
    end

    it("may be closed without closing the parent's", function()
      in_child(function() holder.pg:finish() end)
      still_works()
    end)

    it("may be collected without closing the parent's", function()
      in_child(function()
        holder.pg = nil
        collectgarbage()
        collectgarbage()
      end)
      still_works()
    end)

    it("gives its descriptor back", function()
      in_child(function()
        local fd = holder.pg:socket()
        holder.pg:finish()
        local ok, err = pcall(core.poll, fd, "r", 0)
        assert(not ok and err.message == ("descriptor %d is closed"):format(fd))
      end)
      still_works()
    end)
  end)
end
