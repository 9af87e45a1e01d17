--- Progress on standard error: a bar on a terminal, now and then a plain line
-- elsewhere.
--
--     local bar = progress.new{ label = "loading", total = 60000, unit = "rows" }
--     for … do … bar:advance() end
--     local seconds = bar:finish()
-- @module pgvector.cli.progress

local class = require "pgvector.class"
local core = require "pgvector.core"
local errors = require "pgvector.errors"

local progress = {}

local STDERR = 2
local WIDTH = 24 -- of the bar itself
local REDRAW, REPORT = 0.1, 10 -- seconds between two pictures, two plain lines

--- Writes a whole number with a comma before every three digits.
-- @treturn string
function progress.count(n)
  local digits = ("%.0f"):format(n)
  local lead = (#digits - 1) % 3 + 1
  return digits:sub(1, lead) .. digits:sub(lead + 1):gsub("%d%d%d", ",%0")
end

--- Writes a time: "20 ms", "1.5 s", "12 s", "3:05 min".
-- @treturn string
function progress.duration(seconds)
  if seconds < 0.0995 then return ("%.0f ms"):format(seconds * 1000) end
  if seconds < 9.95 then return ("%.1f s"):format(seconds) end
  if seconds < 99.5 then return ("%.0f s"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  return ("%d:%02d min"):format(math.floor(whole / 60), whole % 60)
end

local Bar = class("Bar")

local known = { label = true, total = true, unit = true, stream = true, terminal = true, clock = true }

--- Starts a bar.
-- @tparam table options `label`; `total` (nil: unknown) and `unit` of what is
--   counted; for specs `stream`, `terminal` (is it one?) and `clock`
-- @treturn Bar
function progress.new(options)
  options = errors.check_options(options, known, "progress.new")
  local terminal = options.terminal
  if terminal == nil then terminal = core.isatty(STDERR) end
  local clock = options.clock or core.now
  local now = clock()
  return setmetatable({
    _label = options.label, _total = options.total, _unit = options.unit or "rows",
    _stream = options.stream or io.stderr, _clock = clock, _terminal = terminal,
    _interval = terminal and REDRAW or REPORT,
    _done = 0, _started = now, _next = now + (terminal and REDRAW or REPORT),
  }, Bar)
end

--- Counts `n` more, one if left out.
function Bar:advance(n) self:update(self._done + (n or 1)) end

--- Sets how much is done.
-- @tparam number done
-- @tparam[opt] number total if it changed, or is known only now
function Bar:update(done, total)
  self._done, self._total = done, total or self._total
  local now = self._clock()
  if now >= self._next then
    self._next = now + self._interval
    self:_show(now - self._started)
  end
end

-- "12,000 of 60,000 rows, 8,300/s, 6 s left"
function Bar:_figures(elapsed)
  local total, rate = self._total, self._done / elapsed
  local figures = progress.count(self._done)
  if total then figures = figures .. " of " .. progress.count(total) end
  figures = ("%s %s, %s/s"):format(figures, self._unit, progress.count(rate))
  if total and rate > 0 then
    figures = figures .. ", " .. progress.duration(math.max(0, total - self._done) / rate) .. " left"
  end
  return figures
end

function Bar:_show(elapsed)
  local figures = self:_figures(elapsed)
  if not self._terminal then
    self._stream:write(self._label, ": ", figures, "\n")
    return
  end
  local bar = ""
  if self._total then
    local filled = math.floor(WIDTH * math.min(1, self._done / math.max(1, self._total)))
    bar = "[" .. ("#"):rep(filled) .. ("."):rep(WIDTH - filled) .. "] "
  end
  self._stream:write("\r", self._label, " ", bar, figures, "\27[K")
  self._stream:flush()
end

--- Takes the bar off the terminal, for the line that tells what was done.
-- @treturn number seconds since the start
function Bar:finish()
  if self._terminal then
    self._stream:write("\r\27[K")
    self._stream:flush()
  end
  return self._clock() - self._started
end

class.seal(Bar)

--- A bar while an index is built, as pgvector.migrate.build wants one.
-- @tparam string name the index's
-- @tparam function say gets the line that tells what was done
-- @treturn table `update(done, total)`, `finish(ok)`
function progress.building(name, say)
  local bar = progress.new{ label = "building " .. name, unit = "blocks" }
  return {
    update = function(done, total) bar:update(done, total > 0 and total or nil) end,
    finish = function(ok)
      local seconds = bar:finish()
      if ok then say(("built %s in %s"):format(name, progress.duration(seconds))) end
    end,
  }
end

return progress
