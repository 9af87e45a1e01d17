--- COPY FROM STDIN, a buffer at a time; COPY TO STDOUT, a piece at a time.
-- @module pgvector.driver.copy

local core = require "pgvector.core"
local execute = require "pgvector.driver.execute"

local copy = {}

local function start(link, sql, wanted, deadline)
  link:_check_idle()
  local ok, err = link.pg:send_query(sql)
  if not ok then link:_lost(err) end
  link:_flush(deadline)
  local result, status = link:_next_result(deadline)
  if status ~= wanted then
    execute.collect(link, deadline, result, status):clear() -- raises the server's error
    link:_lost({ message = "the server did not begin the COPY" })
  end
  result:clear()
  link.mode = "COPY"
end

--- Starts a COPY … FROM STDIN; afterwards only put and finish may be called.
-- @tparam Link link idle
-- @tparam string sql
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @raise the server's error; the link is then idle again
function copy.start_in(link, sql, deadline) start(link, sql, "copy_in", deadline) end

--- Starts a COPY … TO STDOUT; afterwards only get_out may be called.
-- @tparam Link link idle
-- @tparam string sql
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @raise the server's error; the link is then idle again
function copy.start_out(link, sql, deadline) start(link, sql, "copy_out", deadline) end

--- Waits for data, and takes what has arrived.
-- @tparam Link link
-- @tparam number max how many pieces at most
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @treturn string data
-- @treturn boolean is there more? After the end the conversation is over, and the
--   caller sets link.mode
-- @raise the server's error
function copy.get_out(link, max, deadline)
  local pg, pieces, n = link.pg, {}, 0
  while n < max do
    local data, err = pg:get_copy()
    if err then link:_lost(err) end
    if data == nil then
      execute.collect(link, deadline):clear()
      return table.concat(pieces), false
    elseif data then
      n = n + 1
      pieces[n] = data
    elseif n > 0 then
      break
    else
      link:_wait("r", deadline)
      local ok, consume_error = pg:consume_input()
      if not ok then link:_lost(consume_error) end
    end
  end
  return table.concat(pieces), true
end

-- Repeats a step that may answer "would block". Returns whether the server said
-- something meanwhile.
local function until_taken(link, step, deadline)
  local heard = false
  while true do
    local taken, err = step(link.pg)
    if taken then return heard end
    if taken == nil then link:_lost(err) end
    local ready = link:_wait("rw", deadline)
    if ready ~= "w" then
      heard = true
      local ok, consume_error = link.pg:consume_input()
      if not ok then link:_lost(consume_error) end
    end
  end
end

-- Seconds after which a message that has begun to arrive counts as complete.
local QUIET = 0.25

-- Has the server refused a row? It says so at once and then throws away what it
-- gets, but libpq keeps that to itself until the COPY is ended. Only notices it
-- hands out: what arrives and is none is an error. (Servers before 14 may report
-- a changed setting as well.)
local function is_refused(link)
  local pg = link.pg
  if pg:server_version() < 140000 then return false end
  repeat
    pg:is_busy() -- libpq looks at what has come
    if link:_deliver_notices() then return false end
    if not link:_poll("r", core.now() + QUIET) then return true end
    local ok, err = pg:consume_input()
    if not ok then link:_lost(err) end
  until false
end

--- Sends what is in the buffer and waits until the socket has taken it, so that
-- memory stays bounded however fast rows are written.
-- @tparam Link link
-- @param buffer core copy buffer; empty afterwards
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @raise the server's error, as a rule long before the last row
function copy.put(link, buffer, deadline)
  -- asked before sending: libpq reads by itself when it cannot send, and tells nobody
  local heard = core.poll(link.pg:socket(), "r", 0)
  if not (heard and is_refused(link)) then
    heard = until_taken(link, function(pg) return pg:put_copy(buffer) end, deadline)
    heard = link:_flush(deadline) or heard
    if not (heard and is_refused(link)) then return end
  end
  copy.finish_in(link, "a row was refused", deadline):clear()
end

--- Ends the COPY.
-- @tparam Link link
-- @tparam ?string failure makes the server throw away what came; the error that
--   it reports for that is the caller's to expect
-- @tparam ?number deadline in seconds of core.now(); nil waits for ever
-- @treturn result the server's answer
-- @raise the server's error
function copy.finish_in(link, failure, deadline)
  until_taken(link, function(pg) return pg:put_copy_end(failure) end, deadline)
  link.mode = false
  return execute.collect(link, deadline)
end

return copy
