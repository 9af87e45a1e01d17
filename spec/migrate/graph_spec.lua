-- The graph of revisions and the plans made from it, without files or a server.

local Graph = require "pgvector.migrate.graph"
local plan = require "pgvector.migrate.plan"
local raised = require "spec.support.raised"

-- "c: a b" is a merge of a and b; "d: c @label > x" has a label and depends on x.
local function graph(lines)
  local revisions = {}
  for line in lines:gmatch("[^\n;]+") do
    local id, rest = line:match("^%s*(%w+):%s*(.-)%s*$")
    local revision = { revision = id, down_revision = {}, branch_labels = {}, depends_on = {} }
    local into = revision.down_revision
    for word in rest:gmatch("%S+") do
      if word == ">" then
        into = revision.depends_on
      elseif word:find("^@") then
        table.insert(revision.branch_labels, word:sub(2))
      else
        table.insert(into, word)
      end
    end
    revisions[#revisions + 1] = revision
  end
  return Graph._new(revisions)
end

local function words(text)
  local list = {}
  for word in text:gmatch("%S+") do list[#list + 1] = word end
  return list
end

-- The ids of steps, and what the version table holds after the last.
local function walked(steps, before)
  local ids = {}
  for i, step in ipairs(steps) do ids[i] = step.node.id end
  local after = #steps > 0 and steps[#steps].to or before
  return table.concat(ids, " ") .. " | " .. table.concat(after, " ")
end

local LINE = "aaaa1: ; bbbb2: aaaa1; cccc3: bbbb2; dddd4: cccc3"
local FORK = "a: ; b1: a @left; c1: b1; b2: a @right; c2: b2"
local DIAMOND = "a: ; b1: a; b2: a; c: b1 b2; d: c"
local CRISSCROSS = "a: ; b1: a; b2: a; m1: b1 b2; m2: b1 b2; e: m1 m2"
local DEPENDS = "a1: ; a2: a1; a3: a2 @first; b1: @second; b2: b1 > a2; b3: b2"

describe("a graph of revisions", function()
  it("knows heads, bases and branch points", function()
    local g = graph(FORK)
    assert.same({ "c1", "c2" }, Graph._ids(g:heads()))
    assert.same({ "a" }, Graph._ids(g:bases()))
    assert.same({ "a" }, Graph._ids(g:branch_points()))
  end)

  it("has an order that does not depend on the order of the files", function()
    local g = graph "c: b1 b2; b2: a; b1: a; a:"
    assert.same({ "a", "b1", "b2", "c" }, Graph._ids(g.order))
  end)

  for _, case in ipairs{
    { "a revision that follows itself", "a: a", "LoopDetected", "follows itself" },
    { "one that depends on itself", "a: > a", "LoopDetected", "depends on itself" },
    { "a circle", "x: ; a: x c; b: a; c: b", "CycleDetected", "a, b, c" },
    { "a circle without a base", "a: b; b: a", "CycleDetected", "a, b" },
    { "a circle through a dependency", "a: > b; b: a", "CycleDetected", "a, b" },
    { "a revision that follows one that is not there", "abcd1: ; b: abcd2", "DanglingRevision", "did you mean 'abcd1'?" },
    { "a dependency that is not there", "a: ; b: a > x9", "DanglingRevision", "depends on 'x9'" },
    { "an id that is there twice", "a: ; a: ", "DuplicateRevision", "'a' is there twice" },
    { "a label that is used twice", "a: @x; b: @x", "DuplicateLabel", "'x'" },
    { "a label that is an id", "a: ; b: a @a", "DuplicateLabel", "'a'" },
  } do
    it("refuses " .. case[1], function()
      local err = raised(function() graph(case[2]) end)
      assert.equal(case[3], err.name)
      assert.truthy(err.message:find(case[4], 1, true), err.message)
    end)
  end

  it("refuses ids that mean something else", function()
    for _, id in ipairs{ "a@b", "a+1", "a-1", "a:b", "head", "base", "heads", "", ("x"):rep(33) } do
      assert.truthy(raised(function() Graph._new{ { revision = id, down_revision = false } } end))
    end
  end)
end)

describe("the name of a revision", function()
  local g = graph(LINE)

  for _, case in ipairs{
    { "cccc3", "cccc3" }, { "cccc", "cccc3" }, { "head", "dddd4" }, { "heads", "dddd4" }, { "base", "" },
    { "aaaa1,bbbb2", "aaaa1 bbbb2" },
  } do
    it(("%q means %q"):format(case[1], case[2]), function()
      assert.same(words(case[2]), Graph._ids(g:resolve(case[1])))
    end)
  end

  it("may be the beginning of an id, of at least four characters", function()
    local err = raised(function() g:resolve "aaa" end)
    assert.equal("RevisionNotFound", err.name)
    assert.truthy(err.message:find("at least 4 characters (aaaa1)", 1, true), err.message)
  end)

  it("is refused with the candidates if it is the beginning of several", function()
    local two = graph "abcd1: ; abcd2: abcd1"
    local err = raised(function() two:resolve "abcd" end)
    assert.equal("AmbiguousRevision", err.name)
    assert.truthy(err.message:find("abcd1, abcd2", 1, true))
  end)

  it("may be a label, and a label before a name", function()
    local fork = graph(FORK)
    assert.same({ "b1" }, Graph._ids(fork:resolve "left"))
    assert.same({ "c1" }, Graph._ids(fork:resolve "left@head"))
    assert.same({ "c2" }, Graph._ids(fork:resolve "right@heads"))
    assert.equal("MultipleHeads", raised(function() fork:resolve "head" end).name)
    assert.equal("RevisionNotFound", raised(function() fork:resolve "left@c2" end).name)
    assert.equal("RevisionNotFound", raised(function() fork:resolve "middle@head" end).name)
  end)
end)

describe("an upgrade", function()
  for _, case in ipairs{
    -- name, graph, database, target, steps and what the version table holds
    { "goes up a line", LINE, "", "head", "aaaa1 bbbb2 cccc3 dddd4 | dddd4" },
    { "goes on from where the database is", LINE, "bbbb2", "head", "cccc3 dddd4 | dddd4" },
    { "does nothing at the head", LINE, "dddd4", "head", " | dddd4" },
    { "does nothing towards what is there", LINE, "dddd4", "bbbb2", " | dddd4" },
    { "goes a number of steps", LINE, "aaaa1", "+2", "bbbb2 cccc3 | cccc3" },
    { "goes a number of steps from nothing", LINE, "", "+1", "aaaa1 | aaaa1" },
    { "goes to a step beyond a revision", LINE, "", "bbbb+1", "aaaa1 bbbb2 cccc3 | cccc3" },
    { "goes to a step before the head", LINE, "", "head-1", "aaaa1 bbbb2 cccc3 | cccc3" },
    { "takes one branch", FORK, "", "left@head", "a b1 c1 | c1" },
    { "takes the other branch too", FORK, "c1", "heads", "b2 c2 | c1 c2" },
    { "takes all branches", FORK, "", "heads", "a b1 b2 c1 c2 | c1 c2" },
    { "goes steps on a branch", FORK, "c1 b2", "right@+1", "c2 | c1 c2" },
    { "goes steps on a branch that is not begun", FORK, "c1", "right@+1", "b2 | b2 c1" },
    { "joins a diamond", DIAMOND, "b1", "head", "b2 c d | d" },
    { "joins branches that are both there", DIAMOND, "b1 b2", "c", "c | c" },
    { "joins a crisscross", CRISSCROSS, "", "head", "a b1 b2 m1 m2 e | e" },
    { "goes half a crisscross", CRISSCROSS, "", "m1", "a b1 b2 m1 | m1" },
    { "takes what is depended on with it", DEPENDS, "", "second@head", "a1 b1 a2 b2 b3 | b3" },
    { "goes on beside a dependency", DEPENDS, "b3", "first@head", "a3 | a3 b3" },
    { "takes everything", DEPENDS, "", "heads", "a1 b1 a2 a3 b2 b3 | a3 b3" },
  } do
    it(case[1], function()
      local steps = plan.upgrade(graph(case[2]), words(case[3]), case[4])
      assert.equal(case[5], walked(steps, words(case[3])))
    end)
  end

  for _, case in ipairs{
    { "past the head", LINE, "cccc3", "+2", "RelativeRevision" },
    { "down", LINE, "cccc3", "-1", "RelativeRevision" },
    { "where the way forks", FORK, "a", "+1", "AmbiguousWalk" },
    { "from several heads", FORK, "c1 b2", "+1", "AmbiguousWalk" },
    { "from a revision that has no file", LINE, "zzzz", "head", "RevisionNotFound" },
    { "to one of several heads", FORK, "", "head", "MultipleHeads" },
  } do
    it("does not go " .. case[1], function()
      local err = raised(function() plan.upgrade(graph(case[2]), words(case[3]), case[4]) end)
      assert.equal(case[5], err.name)
    end)
  end
end)

describe("a downgrade", function()
  for _, case in ipairs{
    { "goes down a line", LINE, "dddd4", "bbbb2", "dddd4 cccc3 | bbbb2" },
    { "goes down to nothing", LINE, "cccc3", "base", "cccc3 bbbb2 aaaa1 | " },
    { "goes a number of steps", LINE, "dddd4", "-2", "dddd4 cccc3 | bbbb2" },
    { "goes the last step", LINE, "aaaa1", "-1", "aaaa1 | " },
    { "goes to a step before a revision", LINE, "dddd4", "dddd-2", "dddd4 cccc3 | bbbb2" },
    { "does nothing where the database is there", LINE, "bbbb2", "bbbb2", " | bbbb2" },
    { "does nothing with an empty database", LINE, "", "base", " | " },
    { "takes one branch back", FORK, "c1 c2", "left@a", "c1 b1 | c2" },
    { "takes a branch back to its base", "a: @x; b: @y; c: a", "b c", "x@base", "c a | b" },
    { "goes steps on a branch", FORK, "c1 c2", "left@-1", "c1 | b1 c2" },
    { "goes down to a merge", DIAMOND, "d", "-1", "d | c" },
    { "takes a diamond back", DIAMOND, "d", "a", "d c b2 b1 | a" },
    { "opens a merge on one side only", DIAMOND, "d", "b1", "d c | b1 b2" },
    { "opens a crisscross", CRISSCROSS, "e", "b1", "e m2 m1 | b1 b2" },
    { "takes back what depends on it", DEPENDS, "a3 b3", "a1", "b3 b2 a3 a2 | a1 b1" },
    { "keeps what is depended on", DEPENDS, "b3", "b1", "b3 b2 | a2 b1" },
  } do
    it(case[1], function()
      local steps = plan.downgrade(graph(case[2]), words(case[3]), case[4])
      assert.equal(case[5], walked(steps, words(case[3])))
    end)
  end

  for _, case in ipairs{
    { "past the base", LINE, "aaaa1", "-2", "RelativeRevision" },
    { "up", LINE, "aaaa1", "+1", "RelativeRevision" },
    { "from several heads without a branch", FORK, "c1 c2", "-1", "AmbiguousWalk" },
    { "through a merge", DIAMOND, "d", "-3", "AmbiguousWalk" },
    { "to what the database does not have", LINE, "bbbb2", "cccc3", "RangeNotAncestor" },
    { "down an empty database", LINE, "", "-1", "RelativeRevision" },
  } do
    it("does not go " .. case[1], function()
      local err = raised(function() plan.downgrade(graph(case[2]), words(case[3]), case[4]) end)
      assert.equal(case[5], err.name)
    end)
  end
end)

describe("what is changed in the version table", function()
  it("is one row for a plain step", function()
    local step = plan.upgrade(graph(LINE), { "aaaa1" }, "+1")[1]
    assert.same({ "aaaa1" }, step.removed)
    assert.same({ "bbbb2" }, step.added)
  end)

  it("is two rows for a merge", function()
    local step = plan.upgrade(graph(DIAMOND), { "b1", "b2" }, "c")[1]
    assert.same({ "b1", "b2" }, step.removed)
    assert.same({ "c" }, step.added)
  end)

  it("is what the next step finds, through every graph, up and down", function()
    for _, lines in ipairs{ LINE, FORK, DIAMOND, CRISSCROSS, DEPENDS } do
      local g = graph(lines)
      local rows = {}
      local function follow(steps)
        for _, step in ipairs(steps) do
          for _, id in ipairs(step.removed) do
            assert.is_true(rows[id])
            rows[id] = nil
          end
          for _, id in ipairs(step.added) do
            assert.is_nil(rows[id])
            rows[id] = true
          end
        end
      end
      follow(plan.upgrade(g, {}, "heads"))
      local ids = {}
      for id in pairs(rows) do ids[#ids + 1] = id end
      table.sort(ids)
      follow(plan.downgrade(g, ids, "base"))
      assert.same({}, rows)
    end
  end)
end)

describe("stamping", function()
  for _, case in ipairs{
    { "the head", LINE, "", "head", "dddd4" },
    { "back", LINE, "dddd4", "aaaa1", "aaaa1" },
    { "nothing", LINE, "dddd4", "base", "" },
    { "all heads", FORK, "", "heads", "c1 c2" },
    { "one branch, leaving the other", FORK, "b1 c2", "left@head", "c1 c2" },
    { "across a merge", DIAMOND, "b1 b2", "d", "d" },
    { "below a merge", DIAMOND, "d", "b1", "b1" },
    { "a branch away", FORK, "c1 c2", "left@base", "c2" },
  } do
    it(case[1], function()
      assert.same(words(case[5]), plan.stamp(graph(case[2]), words(case[3]), case[4]))
    end)
  end
end)

describe("the history", function()
  local function listed(lines, range, ids) return Graph._ids(plan.history(graph(lines), range, ids)) end

  it("is newest first", function()
    assert.same({ "dddd4", "cccc3", "bbbb2", "aaaa1" }, listed(LINE))
    assert.same({ "d", "c", "b2", "b1", "a" }, listed(DIAMOND))
  end)

  it("may be a range, with both its ends", function()
    assert.same({ "cccc3", "bbbb2" }, listed(LINE, "bbbb2:cccc3"))
    assert.same({ "dddd4", "cccc3" }, listed(LINE, "cccc3:"))
    assert.same({ "bbbb2", "aaaa1" }, listed(LINE, ":bbbb2"))
    assert.same({ "dddd4", "cccc3", "bbbb2" }, listed(LINE, "current:", { "bbbb2" }))
    assert.same({ "cccc3", "bbbb2" }, listed(LINE, "-1:current", { "cccc3" }))
  end)
end)
