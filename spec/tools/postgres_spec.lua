-- tools/postgres in checkouts of its own: directories that hold only it.

local db = require "spec.support.db"

-- Runs shell code; returns what it printed on both channels, and its exit code.
local function sh(code, ...)
  local command = "( unset PGVECTOR_URL; " .. code:format(...) .. " ) 2>&1"
  local pipe = assert(io.popen(command .. "; echo \"exit $?\""))
  local output = pipe:read("*a")
  pipe:close()
  local text, exit = output:match("^(.*)exit (%d+)\n$")
  return text, tonumber(exit)
end

local function succeeds(code, ...)
  local text, exit = sh(code, ...)
  assert(exit == 0, text)
  return text
end

local scratch -- holds them all

-- a directory that looks like a checkout; its path is returned quoted
local function checkout(name)
  local path = ("%q"):format(scratch .. "/" .. name)
  succeeds("mkdir -p %s/tools && cp tools/postgres %s/tools", path, path)
  return path
end

local function answers(path)
  return succeeds("%s/tools/postgres psql -XAtqc 'SELECT count(*) FROM pg_extension'", path) == "2\n"
end

local function postmaster(path)
  return succeeds("head -n 1 %s/.pg/data/postmaster.pid", path):gsub("\n", "")
end

describe("tools/postgres #programs", function()
  local one

  setup(function()
    scratch = succeeds("d=$(mktemp -d) && chmod 755 $d && echo $d"):gsub("\n", "")
    one = checkout("one")
  end)

  before_each(function() succeeds("%s/tools/postgres start", one) end)

  teardown(function()
    sh("for c in %s/*/ %s/long/*/; do \"$c\"tools/postgres remove; done", scratch, scratch)
    sh("rm -rf %s", scratch)
  end)

  it("starts a server with pgvector in it, once", function()
    local pid = postmaster(one)
    succeeds("%s/tools/postgres start", one)
    assert.equal(pid, postmaster(one))
    assert.is_true(answers(one))
  end)

  it("serves a second checkout beside the first", function()
    local two = checkout("two")
    succeeds("%s/tools/postgres start", two)
    assert.is_true(answers(two))
    assert.not_equal(postmaster(one), postmaster(two))
    succeeds("%s/tools/postgres stop", two)
    assert.is_true(answers(one))
  end)

  it("lets two starts at once agree on one server", function()
    succeeds("%s/tools/postgres stop", one)
    succeeds("cd %s; tools/postgres start & p=$!; tools/postgres start && wait $p", one)
    assert.is_true(answers(one))
  end)

  it("tells that it is not running by exit code 3", function()
    succeeds("%s/tools/postgres stop", one)
    for _, command in ipairs { "status", "url", "psql" } do
      local text, exit = sh("%s/tools/postgres %s", one, command)
      assert.equal(3, exit)
      assert.matches("tools/postgres start", text)
    end
  end)

  it("starts again after its server was killed, with the data", function()
    succeeds("%s/tools/postgres psql -qc 'CREATE TABLE kept ()' -c CHECKPOINT", one)
    succeeds("kill -9 %s", postmaster(one))
    local _, exit = sh("%s/tools/postgres status", one)
    assert.equal(3, exit)
    succeeds("%s/tools/postgres start", one)
    succeeds("%s/tools/postgres psql -c 'DROP TABLE kept'", one)
  end)

  it("takes no notice of a pid file that names another's process", function()
    local other = checkout("other")
    succeeds("%s/tools/postgres start", other)
    local pid = postmaster(other)
    succeeds("%s/tools/postgres stop", one)
    succeeds("cp -p %s/.pg/data/postmaster.pid %s/.pg/data/", other, one)
    succeeds("%s/tools/postgres stop", one)
    assert.equal(pid, postmaster(other))
    assert.is_true(answers(other))
    succeeds("%s/tools/postgres start", one)
    assert.is_true(answers(one))
    succeeds("%s/tools/postgres stop", other)
  end)

  it("leaves the server of the checkout alone that it was copied from", function()
    succeeds("cp -a %s %s/copy", one, scratch)
    local _, exit = sh("%s/copy/tools/postgres status", scratch)
    assert.equal(3, exit)
    succeeds("%s/copy/tools/postgres stop", scratch)
    assert.is_true(answers(one))
  end)

  it("finishes what an interrupted initdb left", function()
    succeeds("%s/tools/postgres stop", one)
    succeeds("cd %s/.pg && rm -rf data/PG_VERSION && cp -a data data.new", one)
    succeeds("%s/tools/postgres start", one)
    assert.is_true(answers(one))
  end)

  it("shows the log when the server does not start", function()
    succeeds("%s/tools/postgres stop", one)
    succeeds("echo 'no_such_setting = 1' >> %s/.pg/data/postgresql.auto.conf", one)
    local text, exit = sh("%s/tools/postgres start", one)
    succeeds("%s/tools/postgres remove", one)
    assert.equal(1, exit)
    assert.matches("no_such_setting", text)
  end)

  it("copes with a path that an URL and a quoted string would change", function()
    local odd = checkout("it's 100% odd & more")
    succeeds("%s/tools/postgres start", odd)
    assert.equal("1", db.psql("SELECT 1", succeeds("%s/tools/postgres url", odd):gsub("\n", "")))
    succeeds("%s/tools/postgres stop", odd)
  end)

  it("keeps its socket elsewhere when the path is too long for one", function()
    local long = checkout("long/" .. ("x"):rep(120))
    succeeds("%s/tools/postgres start", long)
    assert.is_true(answers(long))
    succeeds("%s/tools/postgres remove", long)
    local _, exit = sh("ls -d \"$(readlink %s/.pg)\"", long)
    assert.not_equal(0, exit)
  end)

  it("works in a directory that only its owner may enter", function()
    local private = checkout("private")
    succeeds("chmod 700 %s", private)
    succeeds("%s/tools/postgres start", private)
    assert.is_true(answers(private))
    succeeds("%s/tools/postgres remove", private)
  end)

  it("uses the server of PGVECTOR_URL and starts none", function()
    local mine = checkout("mine")
    local with_url = ("PGVECTOR_URL='%s' %s/tools/postgres "):format(db.url(), mine)
    for _, command in ipairs { "start", "status", "restart", "stop" } do
      assert.matches("PGVECTOR_URL", succeeds(with_url .. command))
    end
    assert.equal(db.url() .. "\n", succeeds(with_url .. "url"))
    assert.equal("1\n", succeeds(with_url .. "psql -XAtc 'SELECT 1'"))
    local _, exit = sh("ls -d %s/.pg", mine)
    assert.not_equal(0, exit)
  end)
end)
