-- What `pgvector tune` tries, counts and concludes, without a server.

local advice = require "pgvector.cli.tune.advice"
local errors = require "pgvector.errors"
local ladder = require "pgvector.cli.tune.ladder"
local measure = require "pgvector.cli.tune.measure"

local function values(steps, name)
  local list = {}
  for i, step in ipairs(steps) do list[i] = tostring(step[name]) end
  return table.concat(list, " ")
end

describe("the ladder", function()
  local hnsw, ivfflat = { method = "hnsw", with = {} }, { method = "ivfflat", with = { lists = 20 } }
  local bits = { method = "hnsw", with = {}, via = "binary" }

  it("tries ef_search from the rows that are wanted to the server's limit", function()
    assert.equal("10 20 40 60 80 120 160 240 320 480 640 800 1000", values(ladder.steps(hnsw, 10), "ef_search"))
    assert.equal("50 60 80 120 160 240 320 480 640 800 1000", values(ladder.steps(hnsw, 50), "ef_search"))
    assert.equal("1000", values(ladder.steps(hnsw, 1000), "ef_search"))
    assert.equal("nil", values(ladder.steps(hnsw, 1000), "via"))
  end)

  it("tries probes from one to all lists", function()
    assert.equal("1 2 4 8 16 20", values(ladder.steps(ivfflat, 10), "probes"))
    assert.equal("1", values(ladder.steps({ method = "ivfflat", with = { lists = 1 } }, 10), "probes"))
    assert.equal("1 2 4 8 16 32 64 100", values(ladder.steps({ method = "ivfflat", with = {} }, 10), "probes"))
  end)

  it("tries how many candidates an index on bits must give", function()
    local steps = ladder.steps(bits, 10)
    assert.equal("1 2 4 8 16 32 64 100", values(steps, "oversample"))
    assert.equal("40 40 80 160 320 640 1000 1000", values(steps, "ef_search"))
    assert.equal(("binary "):rep(8), values(steps, "via") .. " ")
    assert.equal("1 2 4 8", values(ladder.steps(bits, 100), "oversample"))
  end)

  it("takes the candidates that the command line wants", function()
    local steps = ladder.steps(bits, 10, 20)
    assert.equal("200 240 320 480 640 800 1000", values(steps, "ef_search"))
    assert.equal(("20 "):rep(7), values(steps, "oversample") .. " ")
    assert.equal("10 10 10 10 10 10", values(ladder.steps({ method = "ivfflat", with = { lists = 20 }, via = "binary" }, 5),
      "oversample"))
    assert.equal("40", tostring(ladder.steps({ method = "hnsw", with = {}, via = "halfvec" }, 10)[1].ef_search))
  end)

  it("refuses what the index cannot give", function()
    for _, case in ipairs{ { bits, 100, 11 }, { hnsw, 10, 4 } } do
      local ok, err = pcall(ladder.steps, case[1], case[2], case[3])
      assert.is_false(ok)
      assert.is_true(errors.is_error(err) and err.usage)
    end
  end)

  it("writes options as a program has them", function()
    assert.equal('{ metric = "l2", ef_search = 80, iterative_scan = "relaxed_order", via = "binary", oversample = 8 }',
      ladder.text{ oversample = 8, via = "binary", ef_search = 80, iterative_scan = "relaxed_order", metric = "l2" })
  end)
end)

describe("recall", function()
  it("is the share of the true neighbours that was found", function()
    for _, case in ipairs{
      { { 1, 2, 3, 4 }, { 1, 2, 3, 4 }, 1 }, { { 1, 2, 3, 4 }, { 1, 2, 5, 6 }, 0.5 }, { { 1, 2 }, {}, 0 },
      { { 1, 2, 3, 4 }, { 5, 1 }, 0.25 },
    } do
      assert.equal(case[3], measure.recall(case[1], case[2]))
    end
  end)

  it("counts a row that is as near as the last of them", function()
    assert.equal(1, measure.recall({ 0, 1, 1 }, { 0, 1, 1 }))
    assert.equal(1, measure.recall({ 0, 1, 2, 2 }, { 0, 1, 2, 2 }))
    -- the same rows in other numbers: never more than all
    assert.equal(1, measure.recall({ 2, 2 }, { 2, 2, 2 }))
  end)
end)

describe("a percentile", function()
  it("is the value at its rank", function()
    local numbers = { 5, 1, 4, 2, 3, 10, 9, 8, 7, 6 }
    assert.equal(5, measure.percentile(numbers, 0.5))
    assert.equal(10, measure.percentile(numbers, 0.95))
    assert.equal(7, measure.percentile({ 7 }, 0.95))
    assert.equal(5, numbers[1])
  end)
end)

describe("the recommendation", function()
  local function step(options, recall, median_ms, index)
    return { options = options, recall = recall, median_ms = median_ms, indexes = index == false and {} or { "ix" } }
  end

  it("is the first value that reaches the recall", function()
    local steps = { step({ ef_search = 10 }, 0.8, 1), step({ ef_search = 20 }, 0.96, 2), step({ ef_search = 40 }, 0.99, 1.5) }
    assert.equal(20, advice.choose(steps, 0.95).options.ef_search)
    assert.equal(40, advice.choose(steps, 0.99).options.ef_search)
    assert.is_nil(advice.choose(steps, 0.999))
  end)

  it("is the faster one of two ways to scan", function()
    local steps = {
      step({ ef_search = 10, iterative_scan = "off" }, 0.5, 1), step({ ef_search = 400, iterative_scan = "off" }, 0.97, 9),
      step({ ef_search = 10, iterative_scan = "relaxed_order" }, 0.96, 3),
    }
    assert.equal("relaxed_order", advice.choose(steps, 0.95).options.iterative_scan)
    steps[2].median_ms = 2
    assert.equal(400, advice.choose(steps, 0.95).options.ef_search)
  end)

  it("is never one that no index served", function()
    assert.is_nil(advice.choose({ step({ ef_search = 10 }, 1, 1, false) }, 0.95))
  end)

  it("is a setting of the database, too", function()
    assert.same({ 'ALTER DATABASE "my app" SET hnsw.ef_search = 80', 'ALTER DATABASE "my app" SET hnsw.iterative_scan = relaxed_order' },
      advice.settings("hnsw", { ef_search = 80, iterative_scan = "relaxed_order" }, "my app"))
    assert.same({ "ALTER DATABASE app SET ivfflat.probes = 4" }, advice.settings("ivfflat", { probes = 4 }, "app"))
    assert.same({}, advice.settings("hnsw", { ef_search = 80, via = "binary", oversample = 4 }, "app"))
  end)

  -- Remarks of something measured, in one text.
  local function remarks(measured)
    local all = {
      index = { name = "ix", method = "hnsw", with = { m = 16 } }, exact = { median_ms = 50 }, recall = 0.95,
      queries = 100, asked = 100, steps = { step({ ef_search = 10 }, 0.97, 1) },
    }
    for key, value in pairs(measured) do all[key] = value end
    all.chosen = advice.choose(all.steps, all.recall)
    return table.concat(advice.remarks(all), "\n")
  end

  it("comes without remarks where there is nothing to say", function() assert.equal("", remarks{}) end)

  for _, case in ipairs{
    { "the whole table is read as fast", { exact = { median_ms = 0.5 } }, "reading the whole table is as fast %(0%.50 ms%)" },
    { "few rows could be drawn", { queries = 7 }, "only 7 rows" },
    { "the index never served", { steps = { step({ ef_search = 10 }, 1, 1, false) } }, "without the index, and misses none" },
    { "the index does not serve beyond some value", {
      steps = { step({ ef_search = 10 }, 0.9, 1), step({ ef_search = 20 }, 1, 9, false) },
    }, "with { ef_search = 20 } the server finds the rows without the index" },
    { "another index served", { index = { name = "iy", method = "hnsw", with = {} } }, "index ix served the searches, not iy" },
    { "the index is partial", { index = { name = "ix", method = "hnsw", with = {}, where = "(a < 5)" } }, "under %(a < 5%)" },
    { "no value is enough", { steps = { step({ ef_search = 1000 }, 0.7, 1) } },
      "no value reaches a recall of 0.95, the best is 0.700\nbuild the index more thoroughly: m = 32, ef_construction = 128 %(now 16 and 64%)$" },
    { "no value is enough under a condition", { filtered = true, steps = { step({ ef_search = 1000 }, 0.7, 1) } }, "a partial index" },
    { "bits are not enough", {
      index = { name = "ix", method = "hnsw", with = {}, via = "binary" }, steps = { step({ ef_search = 1000 }, 0.7, 1) },
    }, "one bit of each number tells too little" },
    { "lists are not enough", {
      index = { name = "ix", method = "ivfflat", with = {} }, steps = { step({ probes = 100 }, 0.7, 1) },
    }, "not even all lists" },
    { "the index cannot be better", {
      index = { name = "ix", method = "hnsw", with = { m = 100, ef_construction = 1000 } }, steps = { step({ ef_search = 1000 }, 0.7, 1) },
    }, "cannot be built more thoroughly" },
  } do
    it("says so when " .. case[1], function() assert.matches(case[3], remarks(case[2])) end)
  end
end)
