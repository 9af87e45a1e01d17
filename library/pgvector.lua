---@meta pgvector

-- What editors need to know of the public API, for lua-language-server.
-- The guides in docs/ explain it; spec/surface_spec.lua compares it with the code.

--------------------------------------------------------------------------------
-- Values

---@alias pgvector.Metric "l2"|"ip"|"cosine"|"l1"|"hamming"|"jaccard"
---@alias pgvector.Value pgvector.Vector|pgvector.Halfvec|pgvector.Sparsevec|pgvector.Bit

---What all four types of values have. `#v` and `v[i]` work as well.
---@class pgvector.AnyValue
---@operator len: integer
---@operator lt(pgvector.AnyValue): boolean
---@operator le(pgvector.AnyValue): boolean
local AnyValue = {}

---The dimensions; the length of a bit string.
---@return integer
function AnyValue:dims() end

---A sequence of the elements.
---@return number[]|boolean[]
function AnyValue:totable() end

---Iterates over the elements: `for i, x in v:iter() do`.
---@return fun(): integer?, (number|boolean)?
function AnyValue:iter() end

---The server's text format.
---@return string
function AnyValue:to_text() end

---The server's binary format.
---@return string
function AnyValue:to_binary() end

---The elements as bytes, one after another.
---@param options? { endian: "little"|"big" }
---@return string
function AnyValue:to_packed(options) end

---What `vector` and `halfvec` have besides.
---@class pgvector.Dense : pgvector.AnyValue
---@operator add(pgvector.Dense|number[]|string): pgvector.Dense
---@operator sub(pgvector.Dense|number[]|string): pgvector.Dense
---@operator mul(pgvector.Dense|number[]|string|number): pgvector.Dense
---@operator unm: pgvector.Dense
---@operator concat(pgvector.Dense|number[]|string): pgvector.Dense
---@field [integer] number
local Dense = {}

---Euclidean distance, `<->`.
---@param other pgvector.Dense|number[]|string
---@return number
function Dense:l2_distance(other) end

---Inner product.
---@param other pgvector.Dense|number[]|string
---@return number
function Dense:inner_product(other) end

---Negative inner product, `<#>`.
---@param other pgvector.Dense|number[]|string
---@return number
function Dense:max_inner_product(other) end

---Cosine distance, `<=>`.
---@param other pgvector.Dense|number[]|string
---@return number
function Dense:cosine_distance(other) end

---Taxicab distance, `<+>`.
---@param other pgvector.Dense|number[]|string
---@return number
function Dense:l1_distance(other) end

---The Euclidean length.
---@return number
function Dense:norm() end

---The same direction with length 1.
---@return pgvector.Dense
function Dense:l2_normalize() end

---A part of it.
---@param start integer counted from 1
---@param count integer
---@return pgvector.Dense
function Dense:subvector(start, count) end

---A bit string: 1 where the element is positive.
---@return pgvector.Bit
function Dense:binary_quantize() end

---The value as `vector`.
---@return pgvector.Vector
function Dense:to_vector() end

---The value as `halfvec`.
---@return pgvector.Halfvec
function Dense:to_halfvec() end

---The value as `sparsevec`.
---@return pgvector.Sparsevec
function Dense:to_sparsevec() end

---A vector of 32-bit floats.
---@class pgvector.Vector : pgvector.Dense
local Vector = {}

---A vector of 16-bit floats.
---@class pgvector.Halfvec : pgvector.Dense
local Halfvec = {}

---A vector of which only the elements that are not 0 are kept.
---@class pgvector.Sparsevec : pgvector.AnyValue
---@field [integer] number
---@field dim integer the dimensions
---@field elements table<integer, number> the elements that are not 0, by their 1-based index
local Sparsevec = {}

---Euclidean distance, `<->`.
---@param other pgvector.Sparsevec|number[]|string
---@return number
function Sparsevec:l2_distance(other) end

---Inner product.
---@param other pgvector.Sparsevec|number[]|string
---@return number
function Sparsevec:inner_product(other) end

---Negative inner product, `<#>`.
---@param other pgvector.Sparsevec|number[]|string
---@return number
function Sparsevec:max_inner_product(other) end

---Cosine distance, `<=>`.
---@param other pgvector.Sparsevec|number[]|string
---@return number
function Sparsevec:cosine_distance(other) end

---Taxicab distance, `<+>`.
---@param other pgvector.Sparsevec|number[]|string
---@return number
function Sparsevec:l1_distance(other) end

---The Euclidean length.
---@return number
function Sparsevec:norm() end

---The same direction with length 1.
---@return pgvector.Sparsevec
function Sparsevec:l2_normalize() end

---The value as `vector`.
---@return pgvector.Vector
function Sparsevec:to_vector() end

---The value as `halfvec`.
---@return pgvector.Halfvec
function Sparsevec:to_halfvec() end

---The value as `sparsevec`.
---@return pgvector.Sparsevec
function Sparsevec:to_sparsevec() end

---How many elements are not 0.
---@return integer
function Sparsevec:nnz() end

---The 1-based indices of the elements that are not 0, ascending.
---@return integer[]
function Sparsevec:indices() end

---The elements that are not 0, in the order of `indices`.
---@return number[]
function Sparsevec:values() end

---A bit string.
---@class pgvector.Bit : pgvector.AnyValue
---@field [integer] boolean
local Bit = {}

---How many bits differ, `<~>`.
---@param other pgvector.Bit|boolean[]|string
---@return number
function Bit:hamming_distance(other) end

---Jaccard distance, `<%>`.
---@param other pgvector.Bit|boolean[]|string
---@return number
function Bit:jaccard_distance(other) end

---Eight bits to a byte, the most significant first.
---@return string
function Bit:to_bytes() end

---Makes vectors: `pg.vector { 1, 2, 3 }`, `pg.vector "[1,2,3]"`.
---@class pgvector.VectorConstructor
---@overload fun(x: number[]|string|pgvector.Value): pgvector.Vector
local VectorConstructor = {}

---From the server's text format.
---@param text string
---@return pgvector.Vector
function VectorConstructor.from_text(text) end

---From the server's binary format.
---@param bytes string
---@return pgvector.Vector
function VectorConstructor.from_binary(bytes) end

---From 32-bit floats, one after another.
---@param bytes string
---@param options? { endian: "little"|"big" }
---@return pgvector.Vector
function VectorConstructor.from_packed(bytes, options) end

---Makes half-precision vectors.
---@class pgvector.HalfvecConstructor
---@overload fun(x: number[]|string|pgvector.Value): pgvector.Halfvec
local HalfvecConstructor = {}

---From the server's text format.
---@param text string
---@return pgvector.Halfvec
function HalfvecConstructor.from_text(text) end

---From the server's binary format.
---@param bytes string
---@return pgvector.Halfvec
function HalfvecConstructor.from_binary(bytes) end

---From 16-bit floats, one after another.
---@param bytes string
---@param options? { endian: "little"|"big" }
---@return pgvector.Halfvec
function HalfvecConstructor.from_packed(bytes, options) end

---Makes sparse vectors: `pg.sparsevec({ [1] = 1.5 }, 3)`, `pg.sparsevec { 0, 1 }`.
---@class pgvector.SparsevecConstructor
---@overload fun(elements: table<integer, number>, dim: integer): pgvector.Sparsevec
---@overload fun(x: number[]|string|pgvector.Value): pgvector.Sparsevec
local SparsevecConstructor = {}

---From the server's text format.
---@param text string
---@return pgvector.Sparsevec
function SparsevecConstructor.from_text(text) end

---From the server's binary format.
---@param bytes string
---@return pgvector.Sparsevec
function SparsevecConstructor.from_binary(bytes) end

---From 32-bit floats, zeros included, one after another.
---@param bytes string
---@param options? { endian: "little"|"big" }
---@return pgvector.Sparsevec
function SparsevecConstructor.from_packed(bytes, options) end

---Makes bit strings: `pg.bit "101"`.
---@class pgvector.BitConstructor
---@overload fun(x: string|boolean[]|pgvector.Bit): pgvector.Bit
local BitConstructor = {}

---From text of `0` and `1`.
---@param text string
---@return pgvector.Bit
function BitConstructor.from_text(text) end

---From the server's binary format.
---@param bytes string
---@return pgvector.Bit
function BitConstructor.from_binary(bytes) end

---From bytes, eight bits each, one after another.
---@param bytes string
---@param options? { endian: "little"|"big" }
---@return pgvector.Bit
function BitConstructor.from_packed(bytes, options) end

---Eight bits from each byte, the most significant first.
---@param bytes string
---@return pgvector.Bit
function BitConstructor.from_bytes(bytes) end

--------------------------------------------------------------------------------
-- Errors

---What wrong use and failure raise; see docs/errors.md.
---@class pgvector.Error
---@field class string "IntegrityError", "ArgumentError", …
---@field message string what went wrong
---@field sqlstate? string PostgreSQL's code, "23505"
---@field name? string the condition's name, "unique_violation"
---@field detail? string
---@field hint? string
---@field context? string
---@field position? integer where in the SQL, in characters
---@field severity? string
---@field schema? string what the server blames
---@field table? string
---@field column? string
---@field constraint? string
---@field sql? string the statement
---@field params? string its parameters, shortened
---@field is_disconnect? boolean is the connection to the server lost?
---@field where? string `file:line` of the caller

--------------------------------------------------------------------------------
-- Engine, connection, result

---@alias pgvector.WaitFunction fun(conn: any, events: string, deadline?: number): string?

---A way to wait for the server, see docs/event_loops.md
---@class pgvector.Waiter
---@field wait pgvector.WaitFunction
---@field release? fun(conn: any)
---@field turn? fun(): { wait: fun(deadline: number), wake: fun(): boolean }?

---@class pgvector.EngineOptions
---@field pool_size? integer idle connections that are kept (5)
---@field max_overflow? integer connections beyond that while in use (10)
---@field pool_timeout? number accepted for compatibility (30)
---@field pool_recycle? number seconds after which a connection is replaced (-1: never)
---@field pool_pre_ping? boolean test a connection before it is handed out
---@field forbid_lazy? boolean|"many" of its sessions
---@field prepared_statements? boolean false for proxies that pool transactions
---@field pool_use_lifo? boolean hand out the last used connection first
---@field pool_reset_on_return? "rollback"|false
---@field echo? boolean|fun(sql: string, params?: string, ms: number) log statements
---@field hide_parameters? boolean keep values out of errors and logs
---@field isolation_level? pgvector.IsolationLevel
---@field execution_options? pgvector.ConnectionOptions of every connection
---@field statement_timeout? number seconds, watched by the server
---@field timezone? string the session's TimeZone ("UTC")
---@field connect_args? table<string, string|number|boolean> further libpq keywords
---@field wait? "auto"|"blocking"|"cqueues"|"luv"|"openresty"|pgvector.Waiter|pgvector.WaitFunction
---@field warn? fun(message: string) told of what is probably a mistake; default: stderr
---@field enable_from_linting? boolean false: no warning of FROM elements that nothing joins

---@alias pgvector.IsolationLevel "READ UNCOMMITTED"|"READ COMMITTED"|"REPEATABLE READ"|"SERIALIZABLE"|"AUTOCOMMIT"

---Where a database is, and a pool of connections to it.
---@class pgvector.Engine
local Engine = {}

---Takes a connection out of the pool. With `fn` it is closed afterwards, and
---rolled back unless it was committed; `fn`'s results are returned.
---@overload fun(self: pgvector.Engine): pgvector.Connection
---@param fn fun(conn: pgvector.Connection): ...
---@return ...
function Engine:connect(fn) end

---Calls `fn` in a transaction: COMMIT on return, ROLLBACK and re-raise on an error.
---@param fn fun(conn: pgvector.Connection): ...
---@return ...
function Engine:begin(fn) end

---Calls `fn` in a transaction, again after a serialization failure or a deadlock.
---@param fn fun(conn: pgvector.Connection, attempt: integer): ...
---@param options? { attempts?: integer, delay?: number, max_delay?: number, isolation_level?: pgvector.IsolationLevel }
---@return ...
function Engine:retry(fn, options) end

---The same engine, whose connections have other options.
---@param options pgvector.ConnectionOptions
---@return pgvector.Engine
function Engine:execution_options(options) end

---Closes the idle connections; those in use are closed when they come back.
function Engine:dispose() end

---The pool's counters.
---@return { size: integer, checked_in: integer, checked_out: integer, overflow: integer }
function Engine:pool_status() end

---@class pgvector.ConnectionInfo
---@field server_version integer 150004 is 15.4
---@field server_version_text string
---@field backend_pid integer
---@field encrypted boolean
---@field vector_version? string of the vector extension
---@field vector_schema? string
---@field transaction_status "idle"|"active"|"intrans"|"inerror"|"unknown"

---@class pgvector.ExecutionOptions
---@field timeout? number|false seconds that a statement may take
---@field stream_results? boolean rows are read while they arrive
---@field yield_per? integer the same, and how many rows a loop reads ahead

---@class pgvector.ConnectionOptions : pgvector.ExecutionOptions
---@field isolation_level? pgvector.IsolationLevel of the transactions to come
---@field readonly? boolean
---@field deferrable? boolean
---@field schema_translate_map? table<string, string|false>|false "" stands for no schema

---A connection: runs statements; the first one begins a transaction.
---@class pgvector.Connection
---@field engine pgvector.Engine
---@field info pgvector.ConnectionInfo what is known of the server
local Connection = {}

---Runs a statement, once, or once for each of a sequence of parameter tables.
---@param stmt pgvector.Executable
---@param params? table<string, any>|table<string, any>[]
---@return pgvector.Result
function Connection:execute(stmt, params) end

---Runs SQL text with `$1`, `$2`, …
---@param sql string
---@param params? any[] with `n` if there are nils in it
---@return pgvector.Result
function Connection:exec_sql(sql, params) end

---The first column of the first row.
---@param stmt pgvector.Executable
---@param params? table<string, any>
---@return any
function Connection:scalar(stmt, params) end

---The first column of every row.
---@param stmt pgvector.Executable
---@param params? table<string, any>
---@return pgvector.ScalarResult
function Connection:scalars(stmt, params) end

---Begins a transaction explicitly; with `fn`, ends it too.
---@overload fun(self: pgvector.Connection): pgvector.Transaction
---@param fn fun(conn: pgvector.Connection): ...
---@return ...
function Connection:begin(fn) end

---Sets a savepoint; with `fn`, ends it too.
---@overload fun(self: pgvector.Connection): pgvector.Savepoint
---@param fn fun(conn: pgvector.Connection): ...
---@return ...
function Connection:begin_nested(fn) end

---Commits the open transaction.
function Connection:commit() end

---Rolls the open transaction back.
function Connection:rollback() end

---Is a transaction open?
---@return boolean
function Connection:in_transaction() end

---Sets options, until the connection is closed.
---@param options pgvector.ConnectionOptions
---@return pgvector.Connection
function Connection:execution_options(options) end

---Runs statements without waiting for each other's answers.
---@param fn fun(pipeline: pgvector.Pipeline): ...
---@return ...
function Connection:pipeline(fn) end

---Loads rows with COPY.
---@param target string|pgvector.Table|pgvector.Model
---@param columns? string[] in the order of the values
---@param source fun(copy: pgvector.Copy)|fun(): any[]?|any[][]
---@return integer # how many rows were stored
function Connection:copy_in(target, columns, source) end

---Takes an advisory lock, and waits for it unless told otherwise.
---@param key integer|string
---@param options? { shared?: boolean, try?: boolean, timeout?: number, transaction?: boolean }
---@return boolean # false if `try` is set and somebody else has it
function Connection:advisory_lock(key, options) end

---Gives an advisory lock back.
---@param key integer|string
---@param options? { shared?: boolean }
---@return boolean # was it held?
function Connection:advisory_unlock(key, options) end

---Reads rows with COPY: calls `fn` with each and returns the count, or returns an iterator.
---@overload fun(self: pgvector.Connection, target: pgvector.CopySource): pgvector.Reader
---@param target pgvector.CopySource
---@param fn fun(row: table)
---@return integer
function Connection:copy_out(target, fn) end

---Asks the server to stop the running statement; did one run?
---@return boolean
function Connection:cancel() end

---Declares a cursor for a query.
---@param stmt pgvector.Executable
---@param options? { size?: integer, params?: table<string, any> }
---@return pgvector.Cursor
function Connection:cursor(stmt, options) end

---Subscribes to a channel.
---@param channel string
function Connection:listen(channel) end

---Ends a subscription, or all of them.
---@param channel? string
function Connection:unlisten(channel) end

---Waits for notifications; an empty sequence when the time is over.
---@param timeout? number seconds
---@return { channel: string, payload: string, pid: integer }[]
function Connection:notifications(timeout) end

---Hands the server's notices to a function.
---@param fn? fun(notice: table)
function Connection:on_notice(fn) end

---Closes the connection to the server; the next statement opens another.
function Connection:invalidate() end

---Gives the connection back; what was not committed is rolled back.
function Connection:close() end

---What the function of `conn:pipeline` sends statements through.
---@class pgvector.Pipeline
local Pipeline = {}

---Sends a statement; the result is usable after `sync`, or after the pipeline.
---@param stmt pgvector.Executable
---@param params? table<string, any>
---@return pgvector.Result
function Pipeline:execute(stmt, params) end

---Sends SQL text with `$1`, `$2`, …; the result is usable after `sync`, or after the pipeline.
---@param sql string
---@param params? any[] with `n` if there are nils in it
---@return pgvector.Result
function Pipeline:exec_sql(sql, params) end

---Waits for the answers to what was sent so far.
function Pipeline:sync() end

---An open transaction.
---@class pgvector.Transaction
---@field is_active boolean
local Transaction = {}

---Commits.
function Transaction:commit() end

---Rolls back.
function Transaction:rollback() end

---Rolls back if neither commit nor rollback was called.
function Transaction:close() end

---A savepoint.
---@class pgvector.Savepoint
---@field is_active boolean
local Savepoint = {}

---Keeps what was done since.
function Savepoint:commit() end

---Takes back what was done since; the transaction goes on.
function Savepoint:rollback() end

---Rolls back unless the savepoint is over.
function Savepoint:close() end

---What the function of `copy_in` writes to.
---@class pgvector.Copy
local Copy = {}

---Writes one row.
---@param ... any the values; nil is NULL
function Copy:write_row(...) end

---Writes many rows.
---@param rows any[][]|fun(): any[]?
function Copy:write_rows(rows) end

---A query whose rows the server keeps. `for row in cursor do` works.
---@class pgvector.Cursor
---@overload fun(): table?
local Cursor = {}

---Up to `n` rows; an empty sequence at the end.
---@param n integer
---@return table[]
function Cursor:fetchmany(n) end

---Frees what the server keeps.
function Cursor:close() end

---@alias pgvector.CopySource string|pgvector.Executable|pgvector.Table|pgvector.Model

---Rows that are read while they arrive. `for row in reader do` works.
---@class pgvector.Reader
---@overload fun(): table?
local Reader = {}

---Stops reading. The connection is free again.
function Reader:close() end

---What rows, scalars and mappings have in common. `for item in result do` works.
---@class pgvector.Fetch
---@overload fun(): any
local Fetch = {}

---Everything that is left.
---@return any[]
function Fetch:all() end

---The first item, or nil; the rest is thrown away.
---@return any
function Fetch:first() end

---The only item; raises NoResultFound or MultipleResultsFound.
---@return any
function Fetch:one() end

---The only item or nil; raises MultipleResultsFound.
---@return any
function Fetch:one_or_none() end

---Up to `n` items; an empty sequence at the end.
---@param n integer
---@return any[]
function Fetch:fetchmany(n) end

---Iterates over sequences of up to `n` items.
---@param n integer
---@return fun(): any[]?
function Fetch:partitions(n) end

---Leaves out what equals something returned before.
---@generic T
---@param self T
---@param by? fun(item: any): any what to compare instead
---@return T
function Fetch:unique(by) end

---Frees the result.
function Fetch:close() end

---The rows of a statement: tables with values by position and by name.
---@class pgvector.Result : pgvector.Fetch
---@field rowcount integer how many rows were returned or changed
local Result = {}

---The first column of the first row.
---@return any
function Result:scalar() end

---The first column of the only row.
---@return any
function Result:scalar_one() end

---The first column of the only row, or nil.
---@return any
function Result:scalar_one_or_none() end

---The values of one column.
---@param column? integer|string the first unless given
---@return pgvector.ScalarResult
function Result:scalars(column) end

---Rows with names only.
---@return pgvector.MappingResult
function Result:mappings() end

---Iterates over values: `for i, id, title in result:tuples() do`.
---@return fun(state: any, i: integer): integer?, ...
function Result:tuples() end

---Some of the columns only.
---@param ... integer|string
---@return pgvector.Result
function Result:columns(...) end

---The names of the columns.
---@return string[]
function Result:keys() end

---The values of one column.
---@class pgvector.ScalarResult : pgvector.Fetch
local ScalarResult = {}

---Rows with names only.
---@class pgvector.MappingResult : pgvector.Fetch
local MappingResult = {}

---The names of the columns.
---@return string[]
function MappingResult:keys() end

--------------------------------------------------------------------------------
-- Types

---A column type. Calling it with arguments makes another one: `pg.String(50)`.
---@class pgvector.Type
---@overload fun(...): pgvector.Type
local Type = {}

---Checks a value as far as that is possible without the server.
---@param value any anything but NULL
---@return any # the value as it is sent
function Type:check(value) end

---A value as a constant in SQL text.
---@param value any
---@return string
function Type:literal(value) end

---How a value is sent: what the core's encoder takes.
---@param name? string the column's, for messages
---@return table
function Type:bind_spec(name) end

---How a value is read: what the core's decoder takes.
---@return table
function Type:result_spec() end

--------------------------------------------------------------------------------
-- Expressions

---@alias pgvector.Operand any a value, an expression or a scalar subquery
---@alias pgvector.VectorOperand pgvector.Value|number[]|string|pgvector.ColumnElement|pgvector.Select

---Anything that has SQL text. `tostring(x)` shows it.
---@class pgvector.ClauseElement
local ClauseElement = {}

---The SQL text and the values of its parameters, their number in `n`.
---@param options? { literal_binds?: boolean } `literal_binds` writes values into the text
---@return string sql
---@return table? params
function ClauseElement:compile(options) end

---A column, or an expression made of columns.
---@class pgvector.ColumnElement : pgvector.ClauseElement
---@operator add(any): pgvector.ColumnElement
---@operator sub(any): pgvector.ColumnElement
---@operator mul(any): pgvector.ColumnElement
---@operator div(any): pgvector.ColumnElement
---@operator mod(any): pgvector.ColumnElement
---@operator concat(any): pgvector.ColumnElement
---@operator unm: pgvector.ColumnElement
---@operator band(pgvector.ColumnElement): pgvector.ColumnElement
---@operator bor(pgvector.ColumnElement): pgvector.ColumnElement
---@operator bnot: pgvector.ColumnElement
---@field type pgvector.Type
local ColumnElement = {}

---`self = other`; with `pg.null`, `self IS NULL`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:eq(other) end

---`self != other`; with `pg.null`, `self IS NOT NULL`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:ne(other) end

---`self < other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:lt(other) end

---`self <= other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:le(other) end

---`self > other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:gt(other) end

---`self >= other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:ge(other) end

---`self IS NULL`.
---@return pgvector.ColumnElement
function ColumnElement:is_null() end

---`self IS NOT NULL`.
---@return pgvector.ColumnElement
function ColumnElement:is_not_null() end

---`self IS x`.
---@param x boolean|lightuserdata true, false or pg.null
---@return pgvector.ColumnElement
function ColumnElement:is_(x) end

---`self IS NOT x`.
---@param x boolean|lightuserdata true, false or pg.null
---@return pgvector.ColumnElement
function ColumnElement:is_not(x) end

---`!=` that treats NULL as a value.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:is_distinct_from(other) end

---`=` that treats NULL as a value.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:is_not_distinct_from(other) end

---Is it one of these values, or of a select's rows?
---@param values any[]|pgvector.Select
---@return pgvector.ColumnElement
function ColumnElement:in_(values) end

---Is it none of these? A NULL among the values raises.
---@param values any[]|pgvector.Select
---@return pgvector.ColumnElement
function ColumnElement:not_in(values) end

---`self BETWEEN low AND high`.
---@param low pgvector.Operand
---@param high pgvector.Operand
---@param options? { symmetric?: boolean }
---@return pgvector.ColumnElement
function ColumnElement:between(low, high, options) end

---`self LIKE pattern`.
---@param pattern string|pgvector.ColumnElement
---@param options? { escape?: string }
---@return pgvector.ColumnElement
function ColumnElement:like(pattern, options) end

---`self NOT LIKE pattern`.
---@param pattern string|pgvector.ColumnElement
---@param options? { escape?: string }
---@return pgvector.ColumnElement
function ColumnElement:not_like(pattern, options) end

---LIKE without regard to case.
---@param pattern string|pgvector.ColumnElement
---@param options? { escape?: string }
---@return pgvector.ColumnElement
function ColumnElement:ilike(pattern, options) end

---NOT LIKE without regard to case.
---@param pattern string|pgvector.ColumnElement
---@param options? { escape?: string }
---@return pgvector.ColumnElement
function ColumnElement:not_ilike(pattern, options) end

---`self ~ pattern`, a POSIX regular expression.
---@param pattern string|pgvector.ColumnElement
---@param options? { flags?: string } `flags = "i"`: without regard to case
---@return pgvector.ColumnElement
function ColumnElement:regexp_match(pattern, options) end

---Text: does it contain a string? JSON and arrays: `self @> other`.
---@param other any
---@return pgvector.ColumnElement
function ColumnElement:contains(other) end

---Does the text contain a string, whatever its case?
---@param other string|pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:icontains(other) end

---Does the text start with a string?
---@param other string|pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:startswith(other) end

---As `startswith`, without regard to case.
---@param other string|pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:istartswith(other) end

---Does the text end with a string?
---@param other string|pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:endswith(other) end

---As `endswith`, without regard to case.
---@param other string|pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:iendswith(other) end

---`self AND other AND …`.
---@param ... pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:and_(...) end

---`self OR other OR …`.
---@param ... pgvector.ColumnElement
---@return pgvector.ColumnElement
function ColumnElement:or_(...) end

---`NOT self`.
---@return pgvector.ColumnElement
function ColumnElement:not_() end

---Any binary operator: `column:op("@@")(query)`.
---@param sql string its characters
---@param options? { type?: pgvector.Type, bool?: boolean, precedence?: integer }
---@return fun(other: any): pgvector.ColumnElement
function ColumnElement:op(sql, options) end

---`self & other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:bitwise_and(other) end

---`self | other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:bitwise_or(other) end

---`self # other`.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:bitwise_xor(other) end

---Every bit the other way: `~ self`.
---@return pgvector.ColumnElement
function ColumnElement:bitwise_not() end

---`self << count`.
---@param count any
---@return pgvector.ColumnElement
function ColumnElement:bitwise_lshift(count) end

---`self >> count`.
---@param count any
---@return pgvector.ColumnElement
function ColumnElement:bitwise_rshift(count) end

---`CAST(self AS type)`.
---@param type pgvector.Type
---@return pgvector.ColumnElement
function ColumnElement:cast(type) end

---The same SQL, taken to be of another type here in Lua.
---@param type pgvector.Type
---@return pgvector.ColumnElement
function ColumnElement:type_coerce(type) end

---`self AS name` in a select list.
---@param name string
---@return pgvector.ColumnElement
function ColumnElement:label(name) end

---The same as `label`.
---@param name string
---@return pgvector.ColumnElement
function ColumnElement:as(name) end

---`self COLLATE "name"`.
---@param collation string
---@return pgvector.ColumnElement
function ColumnElement:collate(collation) end

---With an operator class, as an element of an index.
---@param opclass string
---@return pgvector.ColumnElement
function ColumnElement:ops(opclass) end

---`self ASC`.
---@return pgvector.ColumnElement
function ColumnElement:asc() end

---`self DESC`.
---@return pgvector.ColumnElement
function ColumnElement:desc() end

---`… NULLS FIRST`.
---@return pgvector.ColumnElement
function ColumnElement:nulls_first() end

---`… NULLS LAST`.
---@return pgvector.ColumnElement
function ColumnElement:nulls_last() end

---Euclidean distance, `<->`.
---@param other pgvector.VectorOperand
---@return pgvector.ColumnElement
function ColumnElement:l2_distance(other) end

---Negative inner product, `<#>`.
---@param other pgvector.VectorOperand
---@return pgvector.ColumnElement
function ColumnElement:max_inner_product(other) end

---Cosine distance, `<=>`.
---@param other pgvector.VectorOperand
---@return pgvector.ColumnElement
function ColumnElement:cosine_distance(other) end

---Taxicab distance, `<+>`.
---@param other pgvector.VectorOperand
---@return pgvector.ColumnElement
function ColumnElement:l1_distance(other) end

---Hamming distance of bit strings, `<~>`.
---@param other pgvector.VectorOperand
---@return pgvector.ColumnElement
function ColumnElement:hamming_distance(other) end

---Jaccard distance of bit strings, `<%>`.
---@param other pgvector.VectorOperand
---@return pgvector.ColumnElement
function ColumnElement:jaccard_distance(other) end

---JSON: a member or an element, `->`.
---@param key string|integer an index counts from 0
---@return pgvector.ColumnElement
function ColumnElement:get(key) end

---JSON: a member or an element as text, `->>`.
---@param key string|integer
---@return pgvector.ColumnElement
function ColumnElement:get_text(key) end

---JSON: what lies at a path, `#>`.
---@param path (string|integer)[]
---@return pgvector.ColumnElement
function ColumnElement:path(path) end

---JSON: what lies at a path as text, `#>>`.
---@param path (string|integer)[]
---@return pgvector.ColumnElement
function ColumnElement:path_text(path) end

---JSON: the document without what lies at a path, `#-`.
---@param path (string|integer)[]
---@return pgvector.ColumnElement
function ColumnElement:delete_path(path) end

---JSON: `self ? key`.
---@param key string
---@return pgvector.ColumnElement
function ColumnElement:has_key(key) end

---JSON: has at least one of the keys, `?|`.
---@param keys string[]
---@return pgvector.ColumnElement
function ColumnElement:has_any(keys) end

---JSON: has every one of the keys, `?&`.
---@param keys string[]
---@return pgvector.ColumnElement
function ColumnElement:has_all(keys) end

---JSON: does the JSON path find anything? `@?`.
---@param path string
---@return pgvector.ColumnElement
function ColumnElement:path_exists(path) end

---JSON: what the JSON path's predicate gives, `@@`.
---@param predicate string
---@return pgvector.ColumnElement
function ColumnElement:path_match(predicate) end

---JSON: the document with another value at a path, `jsonb_set`.
---@param path (string|integer)[]
---@param value any
---@return pgvector.ColumnElement
function ColumnElement:set(path, value) end

---JSON and arrays: `self <@ other`.
---@param other any
---@return pgvector.ColumnElement
function ColumnElement:contained_by(other) end

---Arrays: do they have an element in common? `&&`.
---@param other any[]
---@return pgvector.ColumnElement
function ColumnElement:overlap(other) end

---Arrays: `value = ANY(self)`.
---@param value any
---@param operator? string "=" unless given
---@return pgvector.ColumnElement
function ColumnElement:any(value, operator) end

---Arrays: `value = ALL(self)`.
---@param value any
---@param operator? string "=" unless given
---@return pgvector.ColumnElement
function ColumnElement:all(value, operator) end

---Arrays: an element.
---@param index integer from 1
---@return pgvector.ColumnElement
function ColumnElement:at(index) end

---Arrays: a slice, `self[first:last]`.
---@param first integer
---@param last integer
---@return pgvector.ColumnElement
function ColumnElement:slice(first, last) end

---Full-text search, `self @@ query`.
---@param query string|pgvector.ColumnElement
---@param options? { config?: string }
---@return pgvector.ColumnElement
function ColumnElement:match(query, options) end

---Division without remainder.
---@param other pgvector.Operand
---@return pgvector.ColumnElement
function ColumnElement:floordiv(other) end

---A call of an SQL function.
---@class pgvector.Function : pgvector.ColumnElement
local Function = {}

---Tells the type of the result.
---@param type pgvector.Type
---@return pgvector.Function
function Function:returns(type) end

---`f(DISTINCT …)`.
---@return pgvector.Function
function Function:distinct() end

---`f(… ORDER BY …)`.
---@param ... pgvector.ColumnElement|string
---@return pgvector.Function
function Function:aggregate_order_by(...) end

---`… FILTER (WHERE …)`.
---@param ... pgvector.ColumnElement
---@return pgvector.Function
function Function:filter(...) end

---`… WITHIN GROUP (ORDER BY …)`.
---@param ... pgvector.ColumnElement|string
---@return pgvector.Function
function Function:within_group(...) end

---`… OVER (…)`.
---@param options? pgvector.OverOptions|table a window of `pg.window` may stand in place
---@return pgvector.ColumnElement
function Function:over(options) end

---The function in FROM, with these columns.
---@param ... any names, `{ name, type }` or columns; then perhaps options
---@return pgvector.From
function Function:table_valued(...) end

---The function in FROM, as its only column.
---@param name? string
---@return pgvector.ColumnElement
function Function:column_valued(name) end

---@alias pgvector.FrameBound number|{ preceding: any }|{ following: any }

---@class pgvector.OverOptions
---@field partition_by? any an expression or a sequence of them
---@field order_by? any
---@field rows? { [1]: pgvector.FrameBound?, [2]: pgvector.FrameBound? } from, to: negative before, nil unbounded
---@field range? { [1]: pgvector.FrameBound?, [2]: pgvector.FrameBound? }
---@field groups? { [1]: pgvector.FrameBound?, [2]: pgvector.FrameBound? }
---@field exclude? "current row"|"group"|"ties"|"no others"

---`EXISTS (SELECT …)`.
---@class pgvector.Exists : pgvector.ColumnElement
local Exists = {}

---Adds conditions to the subquery.
---@param ... pgvector.ColumnElement
---@return pgvector.Exists
function Exists:where(...) end

---Names FROM elements of the subquery.
---@param ... any
---@return pgvector.Exists
function Exists:select_from(...) end

---Names what the subquery shares with the statement around it.
---@param ... any
---@return pgvector.Exists
function Exists:correlate(...) end

--------------------------------------------------------------------------------
-- Statements

---@alias pgvector.Target pgvector.From|pgvector.Model a table, model, alias or subquery
---@alias pgvector.Executable pgvector.Statement|pgvector.Text|pgvector.DDL

---What can stand in FROM: tables, aliases, subqueries, CTEs, joins.
---@class pgvector.From : pgvector.ClauseElement
---@field c table<string, pgvector.ColumnElement> the columns, by key
local From = {}

---`self AS name`.
---@param name? string
---@return pgvector.From
function From:alias(name) end

---`self JOIN right ON condition`; without a condition the foreign keys tell.
---@param right pgvector.Target
---@param condition? pgvector.ColumnElement
---@param options? { isouter?: boolean, full?: boolean }
---@return pgvector.From
function From:join(right, condition, options) end

---`self LEFT OUTER JOIN right`.
---@param right pgvector.Target
---@param condition? pgvector.ColumnElement
---@return pgvector.From
function From:outerjoin(right, condition) end

---`self FULL OUTER JOIN right`.
---@param right pgvector.Target
---@param condition? pgvector.ColumnElement
---@return pgvector.From
function From:full_join(right, condition) end

---`self TABLESAMPLE sampling`.
---@param sampling pgvector.Function
---@param options? { name?: string, seed?: any }
---@return pgvector.From
function From:tablesample(sampling, options) end

---`WITH name AS (…)`.
---@class pgvector.CTE : pgvector.From
local CTE = {}

---The recursive arm; it refers to `self`.
---@param ... pgvector.Query
---@return pgvector.CTE
function CTE:union(...) end

---The recursive arm; it refers to `self`.
---@param ... pgvector.Query
---@return pgvector.CTE
function CTE:union_all(...) end

---What all statements share. Every method returns a new statement.
---@class pgvector.Statement : pgvector.ClauseElement
local Statement = {}

---Calls `fn(stmt, value)` if the value is neither nil nor false.
---@generic T
---@param self T
---@param value any
---@param fn fun(stmt: any, value: any): any
---@param otherwise? fun(stmt: any): any
---@return T
function Statement:when(value, fn, otherwise) end

---How a session loads the objects of this statement.
---@generic T
---@param self T
---@param ... pgvector.LoaderOption
---@return T
function Statement:options(...) end

---Options for whoever runs the statement, schemas to translate, search parameters.
---@generic T
---@param self T
---@param options table
---@return T
function Statement:execution_options(options) end

---A comment behind the statement.
---@param text string
---@return self
function Statement:comment(text) end

---A WITH that the statement does not refer to.
---@generic T
---@param self T
---@param ... pgvector.CTE
---@return T
function Statement:add_cte(...) end

---CREATE TABLE … AS, what `into` makes.
---@class pgvector.CreateTableAs : pgvector.Statement
---@field table pgvector.Table the table that it makes

---What SELECT and set operations share.
---@class pgvector.Query : pgvector.Statement
local Query = {}

---`ORDER BY …`; a string names a label or column, `pg.null` removes it.
---@generic T
---@param self T
---@param ... pgvector.ColumnElement|string|lightuserdata
---@return T
function Query:order_by(...) end

---`LIMIT n`; `pg.null` removes it.
---@generic T
---@param self T
---@param n integer|pgvector.ColumnElement|lightuserdata
---@return T
function Query:limit(n) end

---`OFFSET n`; `pg.null` removes it.
---@generic T
---@param self T
---@param n integer|pgvector.ColumnElement|lightuserdata
---@return T
function Query:offset(n) end

---`FETCH FIRST n ROWS ONLY`.
---@generic T
---@param self T
---@param n integer|pgvector.ColumnElement
---@param options? { with_ties?: boolean }
---@return T
function Query:fetch(n, options) end

---`(SELECT …) AS name`, to select from.
---@param name? string
---@return pgvector.From
function Query:subquery(name) end

---The same as `subquery`.
---@param name? string
---@return pgvector.From
function Query:alias(name) end

---`LATERAL (SELECT …) AS name`.
---@param name? string
---@return pgvector.From
function Query:lateral(name) end

---`WITH name AS (SELECT …)`.
---@param name? string
---@param options? { recursive?: boolean, materialized?: boolean, nesting?: boolean }
---@return pgvector.CTE
function Query:cte(name, options) end

---`CREATE TABLE name AS SELECT …`: stores the rows in a new table.
---@param name string
---@param options? { schema?: string, temporary?: boolean, if_not_exists?: boolean }
---@return pgvector.CreateTableAs
function Query:into(name, options) end

---The SELECT as a value.
---@return pgvector.ColumnElement
function Query:scalar_subquery() end

---The SELECT as a value with a name.
---@param name string
---@return pgvector.ColumnElement
function Query:label(name) end

---`EXISTS (SELECT …)`; conditions may follow.
---@return pgvector.Exists
function Query:exists() end

---`self UNION other`.
---@param ... pgvector.Query
---@return pgvector.Query
function Query:union(...) end

---`self UNION ALL other`.
---@param ... pgvector.Query
---@return pgvector.Query
function Query:union_all(...) end

---`self INTERSECT other`.
---@param ... pgvector.Query
---@return pgvector.Query
function Query:intersect(...) end

---`self INTERSECT ALL other`.
---@param ... pgvector.Query
---@return pgvector.Query
function Query:intersect_all(...) end

---`self EXCEPT other`.
---@param ... pgvector.Query
---@return pgvector.Query
function Query:except(...) end

---`self EXCEPT ALL other`.
---@param ... pgvector.Query
---@return pgvector.Query
function Query:except_all(...) end

---SELECT.
---@class pgvector.Select : pgvector.Query
local Select = {}

---`WHERE a AND b AND …`, added to what is there.
---@param ... pgvector.ColumnElement
---@return pgvector.Select
function Select:where(...) end

---The same as `where`.
---@param ... pgvector.ColumnElement
---@return pgvector.Select
function Select:filter(...) end

---`WHERE key = value AND …`, with columns by name.
---@param values table<string, any>
---@return pgvector.Select
function Select:filter_by(values) end

---`HAVING …`.
---@param ... pgvector.ColumnElement
---@return pgvector.Select
function Select:having(...) end

---Names FROM elements.
---@param ... pgvector.Target
---@return pgvector.Select
function Select:select_from(...) end

---`JOIN target ON condition`; without a condition the foreign keys tell.
---@param target pgvector.Target
---@param condition? pgvector.ColumnElement
---@param options? { isouter?: boolean, full?: boolean }
---@return pgvector.Select
function Select:join(target, condition, options) end

---`LEFT OUTER JOIN target`.
---@param target pgvector.Target
---@param condition? pgvector.ColumnElement
---@return pgvector.Select
function Select:outerjoin(target, condition) end

---`FULL OUTER JOIN target`.
---@param target pgvector.Target
---@param condition? pgvector.ColumnElement
---@return pgvector.Select
function Select:full_join(target, condition) end

---`left JOIN target`, where the left side must be told.
---@param left pgvector.Target
---@param target pgvector.Target
---@param condition? pgvector.ColumnElement
---@param options? { isouter?: boolean, full?: boolean }
---@return pgvector.Select
function Select:join_from(left, target, condition, options) end

---`GROUP BY …`; `pg.null` removes it.
---@param ... pgvector.ColumnElement|string|lightuserdata
---@return pgvector.Select
function Select:group_by(...) end

---`SELECT DISTINCT`; with arguments as `distinct_on`.
---@param ... pgvector.ColumnElement
---@return pgvector.Select
function Select:distinct(...) end

---`SELECT DISTINCT ON (…)`.
---@param ... pgvector.ColumnElement|string
---@return pgvector.Select
function Select:distinct_on(...) end

---`FOR UPDATE`, `FOR SHARE`, …
---@param options? { read?: boolean, key_share?: boolean, nowait?: boolean, skip_locked?: boolean, of?: any }
---@return pgvector.Select
function Select:with_for_update(options) end

---Selects more columns.
---@param ... any
---@return pgvector.Select
function Select:add_columns(...) end

---Selects other columns.
---@param ... any
---@return pgvector.Select
function Select:with_only_columns(...) end

---Text between SELECT and the columns.
---@param ... string|pgvector.Text
---@return pgvector.Select
function Select:prefix_with(...) end

---Names what a subquery shares with the statement around it.
---@param ... pgvector.Target
---@return pgvector.Select
function Select:correlate(...) end

---It shares everything but these.
---@param ... pgvector.Target
---@return pgvector.Select
function Select:correlate_except(...) end

---In a session: runs another statement and takes its columns, by name.
---@param statement any
---@return pgvector.Select
function Select:from_statement(statement) end

---The rows nearest to a vector, with their distance.
---@param vector pgvector.ColumnElement
---@param query pgvector.VectorOperand
---@param options? pgvector.NearestOptions
---@return pgvector.Select
function Select:nearest(vector, query, options) end

---@class pgvector.NearestOptions
---@field metric? pgvector.Metric that of the column's index, else cosine
---@field limit? integer how many rows (10)
---@field within? number the greatest distance
---@field label? string the name of the distance ("distance")
---@field ef_search? integer hnsw.ef_search
---@field probes? integer ivfflat.probes
---@field iterative_scan? "relaxed_order"|"strict_order"|"off"
---@field via? "halfvec"|"binary" search by a quantised index, rank by the full vectors
---@field oversample? integer candidates for each row, with `via` (4)

---What INSERT, UPDATE and DELETE share.
---@class pgvector.DML : pgvector.Statement
local DML = {}

---`RETURNING …`: columns, expressions, tables and models.
---@generic T
---@param self T
---@param ... any
---@return T
function DML:returning(...) end

---`WITH name AS (INSERT …)`; its columns are those returned.
---@param name? string
---@param options? table
---@return pgvector.CTE
function DML:cte(name, options) end

---@class pgvector.ConflictOptions
---@field index_elements? any[] columns or expressions of the index that conflicts
---@field constraint? string or the constraint's name
---@field set? table the new values; of on_conflict_do_update
---@field where? pgvector.ColumnElement only rows that satisfy it are updated
---@field index_where? pgvector.ColumnElement the predicate of a partial index

---INSERT.
---@class pgvector.Insert : pgvector.DML
---@field excluded table<string, pgvector.ColumnElement> the row that was to be inserted
local Insert = {}

---One row, or several; a missing key means DEFAULT.
---@param values table<string, any>|table<string, any>[]
---@return pgvector.Insert
function Insert:values(values) end

---`INSERT … SELECT`.
---@param columns any[] columns or their names
---@param query pgvector.Query
---@param options? { include_defaults?: boolean } false: not the defaults of other columns
---@return pgvector.Insert
function Insert:from_select(columns, query, options) end

---`ON CONFLICT DO NOTHING`.
---@param options? pgvector.ConflictOptions
---@return pgvector.Insert
function Insert:on_conflict_do_nothing(options) end

---`ON CONFLICT DO UPDATE`.
---@param options pgvector.ConflictOptions
---@return pgvector.Insert
function Insert:on_conflict_do_update(options) end

---What UPDATE and DELETE share.
---@class pgvector.Filtered : pgvector.DML
local Filtered = {}

---`WHERE a AND b AND …`, added to what is there.
---@generic T
---@param self T
---@param ... pgvector.ColumnElement
---@return T
function Filtered:where(...) end

---`WHERE key = value AND …`, with columns by name.
---@generic T
---@param self T
---@param values table<string, any>
---@return T
function Filtered:filter_by(values) end

---Allows the statement to have no condition.
---@generic T
---@param self T
---@return T
function Filtered:all_rows() end

---Names further tables: `UPDATE … FROM`, `DELETE … USING`.
---@generic T
---@param self T
---@param ... pgvector.Target
---@return T
function Filtered:using(...) end

---UPDATE.
---@class pgvector.Update : pgvector.Filtered
local Update = {}

---The new values: values or expressions.
---@param values table<string, any>
---@return pgvector.Update
function Update:values(values) end

---The new values in an order of one's own.
---@param ... any `{ column or its key, value }`
---@return pgvector.Update
function Update:ordered_values(...) end

---DELETE.
---@class pgvector.Delete : pgvector.Filtered
local Delete = {}

---SQL by hand, with `:name` parameters.
---@class pgvector.Text : pgvector.ColumnElement
local Text = {}

---Gives values to parameters.
---@param values table<string, any>
---@return pgvector.Text
function Text:bindparams(values) end

---Tells what it returns.
---@param ... any columns, or a sequence of `{ name, type }`
---@return pgvector.Text
function Text:columns(...) end

---`(…) AS name`; tell its columns first.
---@param name? string
---@return pgvector.From
function Text:subquery(name) end

---`WITH name AS (…)`; tell its columns first.
---@param name? string
---@param options? { recursive?: boolean, materialized?: boolean, nesting?: boolean }
---@return pgvector.CTE
function Text:cte(name, options) end

---Options for whoever runs the statement, schemas to translate, search parameters.
---@param options table
---@return pgvector.Text
function Text:execution_options(options) end

---A comment behind the text.
---@param text string
---@return pgvector.Text
function Text:comment(text) end

--------------------------------------------------------------------------------
-- Tables and models

---@alias pgvector.Bind pgvector.Engine|pgvector.Connection

---What a default that is a function is called with.
---@class pgvector.DefaultContext
---@field current_parameters table<string, any> the values of the row as far as they are known

---@class pgvector.ColumnOptions
---@field [integer] any the name, the type, ForeignKey, Identity, Computed, Sequence, CheckConstraint
---@field name? string
---@field key? string the name in Lua
---@field primary_key? boolean
---@field nullable? boolean
---@field unique? boolean
---@field index? boolean
---@field default? any a value, or `function(ctx)` that gives one; see `pgvector.DefaultContext`
---@field onupdate? any the same for updates
---@field server_default? any SQL text or an expression
---@field server_onupdate? boolean the server sets it in updates
---@field identity? boolean|table
---@field autoincrement? boolean
---@field comment? string
---@field deferred? boolean not loaded with an object until it is read
---@field deferred_group? string
---@field validate? fun(value: any, key: string, object: table): any
---@field as? "string"|"number"|"epoch"|"auto" how values are read
---@field info? table

---A column of a table.
---@class pgvector.Column : pgvector.ColumnElement
---@field name string
---@field key string
---@field table pgvector.Table
local Column = {}

---A constraint or foreign key of a table.
---@class pgvector.Constraint
---@field name? string
local Constraint = {}

---FOREIGN KEY.
---@class pgvector.ForeignKeyConstraint : pgvector.Constraint
local ForeignKeyConstraint = {}

---The columns referred to.
---@return pgvector.Column[]
function ForeignKeyConstraint:referred_columns() end

---The table referred to.
---@return pgvector.Table
function ForeignKeyConstraint:referred_table() end

---An index.
---@class pgvector.Index
---@field name? string
---@field table? pgvector.Table
---@field metric? pgvector.Metric of a vector index
local Index = {}

---Creates it.
---@param bind pgvector.Bind
---@param options? { checkfirst?: boolean }
function Index:create(bind, options) end

---Drops it.
---@param bind pgvector.Bind
---@param options? { checkfirst?: boolean }
function Index:drop(bind, options) end

---@class pgvector.VectorIndexOptions
---@field metric pgvector.Metric
---@field name? string
---@field where? any the predicate of a partial index
---@field concurrently? boolean
---@field ops? table<string, string>
---@field tablespace? string
---@field comment? string
---@field info? table

---@class pgvector.HNSWOptions : pgvector.VectorIndexOptions
---@field m? integer connections of an element (16)
---@field ef_construction? integer candidates while building (64)

---@class pgvector.IVFFlatOptions : pgvector.VectorIndexOptions
---@field lists? integer (100)

---A table.
---@class pgvector.Table : pgvector.From
---@field name string
---@field schema? string
---@field metadata pgvector.MetaData
---@field indexes pgvector.Index[]
---@field constraints pgvector.Constraint[]
local Table = {}

---Creates it with its types and indexes.
---@param bind pgvector.Bind
---@param options? { checkfirst?: boolean }
function Table:create(bind, options) end

---Drops it.
---@param bind pgvector.Bind
---@param options? { checkfirst?: boolean }
function Table:drop(bind, options) end

---Copies it into other metadata.
---@param metadata pgvector.MetaData
---@param options? { name?: string, schema?: string|false }
---@return pgvector.Table
function Table:to_metadata(metadata, options) end

---A collection of tables.
---@class pgvector.MetaData
---@field tables table<string, pgvector.Table>
---@field schema? string
local MetaData = {}

---Creates extensions, types, tables and indexes that are missing.
---@param bind pgvector.Bind
---@param options? { checkfirst?: boolean, tables?: any[] }
function MetaData:create_all(bind, options) end

---Drops the tables and the enums that only they use.
---@param bind pgvector.Bind
---@param options? { checkfirst?: boolean, tables?: any[] }
function MetaData:drop_all(bind, options) end

---The tables, each behind those it refers to.
---@return pgvector.Table[]
function MetaData:sorted_tables() end

---Forgets a table.
---@param table pgvector.Table
function MetaData:remove(table) end

---Forgets all tables.
function MetaData:clear() end

---Reads tables of the database, with what their foreign keys refer to.
---@param bind pgvector.Bind
---@param options? pgvector.ReflectOptions
function MetaData:reflect(bind, options) end

---@class pgvector.ReflectOptions
---@field schema? string
---@field only? string[]|fun(name: string): boolean
---@field views? boolean
---@field resolve_fks? boolean

---@class pgvector.ReflectedEnum
---@field name string
---@field schema string
---@field visible boolean
---@field labels string[]
---@field comment? string

---@class pgvector.ReflectedColumn
---@field name string
---@field type pgvector.Type
---@field nullable boolean
---@field default? string
---@field comment? string
---@field identity? table
---@field computed? { sqltext: string, persisted: boolean }
---@field collation? string
---@field autoincrement boolean

---@class pgvector.ReflectedKey
---@field name? string
---@field constrained_columns string[]
---@field comment? string
---@field include? string[]

---@class pgvector.ReflectedForeignKey : pgvector.ReflectedKey
---@field referred_schema? string
---@field referred_table string
---@field referred_columns string[]
---@field options table

---@class pgvector.ReflectedConstraint
---@field name string
---@field comment? string
---@field column_names? string[] of UNIQUE
---@field include? string[] of UNIQUE
---@field nulls_not_distinct? boolean of UNIQUE
---@field sqltext? string of CHECK
---@field no_inherit? boolean of CHECK
---@field not_valid? boolean of CHECK
---@field expressions? string[] of EXCLUDE
---@field operators? string[] of EXCLUDE
---@field using? string of EXCLUDE
---@field where? string of EXCLUDE
---@field deferrable? boolean
---@field initially? string

---@class pgvector.ReflectedIndex
---@field name string
---@field column_names any[]
---@field expressions? string[]
---@field unique boolean
---@field using string
---@field with table
---@field ops table
---@field metric? pgvector.Metric
---@field where? string
---@field include string[]
---@field column_sorting table
---@field nulls_not_distinct? boolean
---@field tablespace? string
---@field comment? string
---@field valid boolean
---@field duplicates_constraint? string

---Answers questions about a database; every method takes a schema last.
---@class pgvector.Inspector
---@field bind pgvector.Bind
local Inspector = {}

---The names of the tables.
---@param schema? string|{ schema: string }
---@return string[]
function Inspector:get_table_names(schema) end

---The names of the session's temporary tables.
---@return string[]
function Inspector:get_temp_table_names() end

---The names of the views.
---@param schema? string|{ schema: string }
---@return string[]
function Inspector:get_view_names(schema) end

---The names of the materialized views.
---@param schema? string|{ schema: string }
---@return string[]
function Inspector:get_materialized_view_names(schema) end

---The query of a view.
---@param name string
---@param schema? string|{ schema: string }
---@return string
function Inspector:get_view_definition(name, schema) end

---The names of the schemas.
---@return string[]
function Inspector:get_schema_names() end

---Is there a schema of this name?
---@param name string
---@return boolean
function Inspector:has_schema(name) end

---Is there a table or view of this name?
---@param name string
---@param schema? string|{ schema: string }
---@return boolean
function Inspector:has_table(name, schema) end

---The names of the sequences.
---@param schema? string|{ schema: string }
---@return string[]
function Inspector:get_sequence_names(schema) end

---The enumerated types.
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedEnum[]
function Inspector:get_enums(schema) end

---The extensions.
---@return { name: string, version: string, schema: string, comment?: string }[]
function Inspector:get_extensions() end

---The columns of a table or view.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedColumn[]
function Inspector:get_columns(name, schema) end

---The primary key.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedKey
function Inspector:get_pk_constraint(name, schema) end

---The foreign keys.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedForeignKey[]
function Inspector:get_foreign_keys(name, schema) end

---The indexes, without that of the primary key.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedIndex[]
function Inspector:get_indexes(name, schema) end

---The UNIQUE constraints.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedConstraint[]
function Inspector:get_unique_constraints(name, schema) end

---The CHECK constraints.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedConstraint[]
function Inspector:get_check_constraints(name, schema) end

---The EXCLUDE constraints.
---@param name string
---@param schema? string|{ schema: string }
---@return pgvector.ReflectedConstraint[]
function Inspector:get_exclude_constraints(name, schema) end

---The comment of a table.
---@param name string
---@param schema? string|{ schema: string }
---@return { text?: string }
function Inspector:get_table_comment(name, schema) end

---Forgets what was read.
function Inspector:clear_cache() end

---An executable DDL statement.
---@class pgvector.DDL : pgvector.ClauseElement
local DDL = {}

---A model: a table and the class of its rows. `Model.key` is a column.
---SQL text that defines something.
---@class pgvector.RawDDL : pgvector.DDL
local RawDDL = {}

---For one table: `%(table)s`, `%(schema)s`, `%(fullname)s` are its names.
---@param table any
---@return pgvector.RawDDL
function RawDDL:for_table(table) end

---A number generator of the database.
---@class pgvector.Sequence
local Sequence = {}

---The next number, as an expression.
---@return pgvector.ColumnElement
function Sequence:next_value() end

---CREATE SEQUENCE.
---@param bind any
---@param options? { checkfirst?: boolean }
function Sequence:create(bind, options) end

---DROP SEQUENCE.
---@param bind any
---@param options? { checkfirst?: boolean }
function Sequence:drop(bind, options) end

---A view, to be selected from.
---@class pgvector.View : pgvector.From
local View = {}

---CREATE VIEW.
---@param bind any
---@param options? { or_replace?: boolean, checkfirst?: boolean }
function View:create(bind, options) end

---DROP VIEW.
---@param bind any
---@param options? { checkfirst?: boolean }
function View:drop(bind, options) end

---REFRESH MATERIALIZED VIEW.
---@param bind any
---@param options? { concurrently?: boolean }
function View:refresh(bind, options) end

---@class pgvector.Model : { [string]: pgvector.ColumnElement }
---@overload fun(values?: table<string, any>): table
---@field methods table methods of instances
---@field __table pgvector.Table
---@field __name string
local Model = {}

---Columns, constraints and methods that models share.
---@class pgvector.AbstractModel
---@field methods table
local AbstractModel = {}

---Defines a model with these columns.
---@param name string
---@param body table
---@param options? table
---@return pgvector.Model
function AbstractModel:model(name, body, options) end

---Called with the table, the other one and the foreign key.
---@alias pgvector.NameRelationship fun(t: pgvector.Table, other: pgvector.Table, key: pgvector.Constraint): string

---@class pgvector.AutomapOptions
---@field name_for_scalar_relationship? pgvector.NameRelationship
---@field name_for_collection_relationship? pgvector.NameRelationship

---What models are defined on.
---@class pgvector.DeclarativeBase
---@field metadata pgvector.MetaData
---@field classes? table<string, pgvector.Model> after automap: the models by the keys of their tables
local DeclarativeBase = {}

---Defines a model.
---@param name string|pgvector.Table the table's name, or a table that exists
---@param body table columns by key; constraints and indexes in the array part
---@param options? table `schema`, `mixins`, `version_id`, `inherits`, …, and the options of Table
---@return pgvector.Model
function DeclarativeBase:model(name, body, options) end

---Collects what models share.
---@param body table
---@param options? { mixins?: any[] }
---@return pgvector.AbstractModel
function DeclarativeBase:abstract(body, options) end

--------------------------------------------------------------------------------
-- Sessions

---Makes sessions: `Session()`, `Session(fn)`.
---@class pgvector.SessionMaker
---@overload fun(): pgvector.Session
---@overload fun(options: pgvector.SessionOptions): pgvector.Session
---@overload fun(fn: fun(session: pgvector.Session): ...): ...
local SessionMaker = {}

---Calls `fn` in a transaction and closes the session.
---@param fn fun(session: pgvector.Session): ...
---@return ...
function SessionMaker:begin(fn) end

---Changes the options of sessions to come.
---@param options pgvector.SessionOptions
function SessionMaker:configure(options) end

---@class pgvector.SessionOptions
---@field bind? pgvector.Bind
---@field autoflush? boolean
---@field expire_on_commit? boolean
---@field forbid_lazy? boolean|"many"
---@field info? table

---Loads rows as objects and writes back what changed.
---@class pgvector.Session
---@field bind pgvector.Bind
---@field autoflush boolean
---@field expire_on_commit boolean
---@field info table
---@field new table[] objects to be inserted
---@field dirty table[] objects to be updated
---@field deleted table[] objects to be deleted
local Session = {}

---Will be inserted.
---@param object table
function Session:add(object) end

---Will be inserted.
---@param objects table[]
function Session:add_all(objects) end

---Will be deleted.
---@param object table
function Session:delete(object) end

---The object with that primary key, or nil.
---@param model pgvector.Model
---@param key any
---@param options? { options?: pgvector.LoaderOption[], populate_existing?: boolean, with_for_update?: boolean|table }
---@return table?
function Session:get(model, key, options) end

---The same; raises NoResultFound.
---@param model pgvector.Model
---@param key any
---@param options? table
---@return table
function Session:get_one(model, key, options) end

---Copies the values to this session's object of that row.
---@param object table
---@return table
function Session:merge(object) end

---Reads an object again, now.
---@param object table
---@param keys? string[]
function Session:refresh(object, keys) end

---Reads an object again when needed.
---@param object table
---@param keys? string[]
function Session:expire(object, keys) end

---Reads all objects again when needed.
function Session:expire_all() end

---Takes an object out of the session.
---@param object table
function Session:expunge(object) end

---Takes all objects out of the session.
function Session:expunge_all() end

---Writes inserts, updates and deletes now.
function Session:flush() end

---Flushes and commits.
function Session:commit() end

---Rolls back, the objects too.
function Session:rollback() end

---Rolls back what was not committed and lets go of all objects.
function Session:close() end

---Begins a transaction; with `fn`, ends it too.
---@param fn? fun(session: pgvector.Session): ...
---@return any
function Session:begin(fn) end

---Sets a savepoint; with `fn`, ends it too.
---@param fn? fun(session: pgvector.Session): ...
---@return any
function Session:begin_nested(fn) end

---Runs a statement; models become objects.
---@param stmt pgvector.Executable
---@param params? table
---@return pgvector.Result
function Session:execute(stmt, params) end

---The first element of every row.
---@param stmt pgvector.Executable
---@param params? table
---@return pgvector.ScalarResult
function Session:scalars(stmt, params) end

---The first element of the first row.
---@param stmt pgvector.Executable
---@param params? table
---@return any
function Session:scalar(stmt, params) end

---SQLAlchemy's older way to ask: `session:query(Item):filter(…):all()`.
---@param ... any models and columns
---@return pgvector.SessionQuery
function Session:query(...) end

---Calls `fn` without writing before queries.
---@param fn fun(session: pgvector.Session): ...
---@return ...
function Session:no_autoflush(fn) end

---Is a transaction open?
---@return boolean
function Session:in_transaction() end

---Is a savepoint open?
---@return boolean
function Session:in_nested_transaction() end

---Would a flush write it?
---@param object table
---@return boolean
function Session:is_modified(object) end

---Is it in this session?
---@param object table
---@return boolean
function Session:contains(object) end

---The connection of the transaction.
---@return pgvector.Connection
function Session:connection() end

---A query that knows its session. Every method but those that run it gives a new one.
---@class pgvector.SessionQuery
---@overload fun(): any
local SessionQuery = {}

---`WHERE a AND b AND …`, added to what is there.
---@param ... pgvector.ColumnElement
---@return pgvector.SessionQuery
function SessionQuery:where(...) end

---The same as `where`.
---@param ... pgvector.ColumnElement
---@return pgvector.SessionQuery
function SessionQuery:filter(...) end

---`WHERE key = value AND …`, with columns by name.
---@param values table<string, any>
---@return pgvector.SessionQuery
function SessionQuery:filter_by(values) end

---`JOIN target ON condition`; without a condition the foreign keys tell.
---@param target pgvector.Target
---@param condition? pgvector.ColumnElement
---@param options? { isouter?: boolean, full?: boolean }
---@return pgvector.SessionQuery
function SessionQuery:join(target, condition, options) end

---`LEFT OUTER JOIN target`.
---@param target pgvector.Target
---@param condition? pgvector.ColumnElement
---@return pgvector.SessionQuery
function SessionQuery:outerjoin(target, condition) end

---Names FROM elements.
---@param ... pgvector.Target
---@return pgvector.SessionQuery
function SessionQuery:select_from(...) end

---`ORDER BY …`; `pg.null` removes it.
---@param ... pgvector.ColumnElement|string|lightuserdata
---@return pgvector.SessionQuery
function SessionQuery:order_by(...) end

---`GROUP BY …`; `pg.null` removes it.
---@param ... pgvector.ColumnElement|string|lightuserdata
---@return pgvector.SessionQuery
function SessionQuery:group_by(...) end

---`HAVING …`.
---@param ... pgvector.ColumnElement
---@return pgvector.SessionQuery
function SessionQuery:having(...) end

---`LIMIT n`; `pg.null` removes it.
---@param n integer|pgvector.ColumnElement|lightuserdata
---@return pgvector.SessionQuery
function SessionQuery:limit(n) end

---`OFFSET n`; `pg.null` removes it.
---@param n integer|pgvector.ColumnElement|lightuserdata
---@return pgvector.SessionQuery
function SessionQuery:offset(n) end

---`SELECT DISTINCT`.
---@param ... pgvector.ColumnElement
---@return pgvector.SessionQuery
function SessionQuery:distinct(...) end

---How the objects are loaded.
---@param ... pgvector.LoaderOption
---@return pgvector.SessionQuery
function SessionQuery:options(...) end

---`FOR UPDATE`, `FOR SHARE`, …
---@param options? { read?: boolean, key_share?: boolean, nowait?: boolean, skip_locked?: boolean, of?: any }
---@return pgvector.SessionQuery
function SessionQuery:with_for_update(options) end

---Calls `fn(stmt, value)` if the value is neither nil nor false.
---@param value any
---@param fn fun(stmt: any, value: any): any
---@param otherwise? fun(stmt: any): any
---@return pgvector.SessionQuery
function SessionQuery:when(value, fn, otherwise) end

---Everything found.
---@return any[]
function SessionQuery:all() end

---The first found, or nil.
---@return any
function SessionQuery:first() end

---The only one found; raises if there is none or more.
---@return any
function SessionQuery:one() end

---The only one found, or nil; raises if there are more.
---@return any
function SessionQuery:one_or_none() end

---The first column of the first row, or nil.
---@return any
function SessionQuery:scalar() end

---How many rows there are.
---@return integer
function SessionQuery:count() end

---Changes all rows that are found; gives how many.
---@param values table<string, any>
---@return integer
function SessionQuery:update(values) end

---Deletes all rows that are found; gives how many.
---@return integer
function SessionQuery:delete() end

---A session's transaction or savepoint.
---@class pgvector.SessionTransaction
---@field is_active boolean
local SessionTransaction = {}

---Flushes and commits.
function SessionTransaction:commit() end

---Rolls back, the objects too.
function SessionTransaction:rollback() end

---Rolls back unless it is over.
function SessionTransaction:close() end

---@class pgvector.RelationshipOptions
---@field back_populates? string the other side's name
---@field backref? string its name, where the target does not define it
---@field secondary? any the association table of a many-to-many relationship
---@field foreign_keys? any which columns refer
---@field remote_side? any the columns of the far side
---@field primaryjoin? any the condition between the two tables
---@field uselist? boolean a list, or one object
---@field order_by? any the order of the list
---@field cascade? string what goes on to related objects ("save-update, merge")
---@field lazy? "select"|"joined"|"selectin"|"raise"|"raise_on_sql"|"noload"|"write_only" how it is loaded ("select")
---@field viewonly? boolean never written
---@field passive_deletes? boolean leave what is not loaded to the database's ON DELETE
---@field post_update? boolean write the key by an UPDATE of its own

---A relationship in expressions: `Author.books`.
---@class pgvector.Relationship
local Relationship = {}

---Is there a related row like this?
---@param criterion? pgvector.ColumnElement|table<string, any>
---@return pgvector.ColumnElement
function Relationship:any(criterion) end

---The same for one object.
---@param criterion? pgvector.ColumnElement|table<string, any>
---@return pgvector.ColumnElement
function Relationship:has(criterion) end

---Is this object in the list?
---@param object table
---@return pgvector.ColumnElement
function Relationship:contains(object) end

---Is it this object?
---@param object table|lightuserdata
---@return pgvector.ColumnElement
function Relationship:eq(object) end

---Is it not this object?
---@param object table|lightuserdata
---@return pgvector.ColumnElement
function Relationship:ne(object) end

---Is there none?
---@return pgvector.ColumnElement
function Relationship:is_null() end

---Is there one?
---@return pgvector.ColumnElement
function Relationship:is_not_null() end

---The same relationship to an alias of the target.
---@param alias any
---@return pgvector.Relationship
function Relationship:of_type(alias) end

---A list of related objects.
---@class pgvector.RelatedList
---@field [integer] table
local RelatedList = {}

---Puts an object at the end.
---@param object table
function RelatedList:append(object) end

---Takes an object out.
---@param object table
function RelatedList:remove(object) end

---Takes all out.
function RelatedList:clear() end

---A loader option; it goes on from the last relationship's target.
---@class pgvector.LoaderOption
local LoaderOption = {}

---Loads with the statement, by an outer join.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:joinedload(relationship) end

---Loads by one more query for all objects.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:selectinload(relationship) end

---Loads when it is read.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:lazyload(relationship) end

---Makes reading it an error.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:raiseload(relationship) end

---Leaves it empty.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:noload(relationship) end

---Takes the columns of a join that the statement makes itself.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:contains_eager(relationship) end

---Loads these columns and the key at once.
---@param ... pgvector.ColumnElement
---@return pgvector.LoaderOption
function LoaderOption:load_only(...) end

---Loads these columns when they are read.
---@param ... pgvector.ColumnElement
---@return pgvector.LoaderOption
function LoaderOption:defer(...) end

---Loads these deferred columns at once.
---@param ... pgvector.ColumnElement
---@return pgvector.LoaderOption
function LoaderOption:undefer(...) end

---Loads the deferred columns of a group at once.
---@param name string
---@return pgvector.LoaderOption
function LoaderOption:undefer_group(name) end

---Loads what lies in the tables of models that inherit from the target.
---@param models pgvector.Model[]|"*"
---@return pgvector.LoaderOption
function LoaderOption:selectin_polymorphic(models) end

---Leaves the relationship as it is, and goes on.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function LoaderOption:defaultload(relationship) end

---A list that is never loaded.
---@class pgvector.WriteOnlyList
local WriteOnlyList = {}

---Puts an object into it.
---@param object table
function WriteOnlyList:add(object) end

---Puts several objects into it.
---@param objects table[]
function WriteOnlyList:add_all(objects) end

---Takes an object out of it.
---@param object table
function WriteOnlyList:remove(object) end

---The members that are stored.
---@return pgvector.Select
function WriteOnlyList:select() end

---What is known of an object: `pg.inspect(object)`.
---@class pgvector.InstanceState
---@field object table
---@field transient boolean
---@field pending boolean
---@field persistent boolean
---@field deleted boolean
---@field detached boolean
---@field identity any[]|nil the values of its key
---@field modified boolean would a flush write it?
---@field session pgvector.Session|nil
---@field mapper table `mapper.model` is the model
local InstanceState = {}

---What happened to an attribute since the last flush.
---@param name string
---@return { added: any[], unchanged: any[], deleted: any[] }
function InstanceState:history(name) end

---The names of what is not loaded.
---@return string[]
function InstanceState:unloaded() end

---Sessions by scope: every method of a session goes to the one of the moment.
---@class pgvector.ScopedSession
---@overload fun(options?: pgvector.SessionOptions): pgvector.Session
local ScopedSession = {}

---Is there a session here?
---@return boolean
function ScopedSession:has() end

---Closes the session of this scope.
function ScopedSession:remove() end

---`pg.orm`: models and sessions.
---@class pgvector.BaseOptions
---@field schema? string
---@field naming_convention? any
---@field extensions? string[]
---@field info? table
---@field metadata? pgvector.MetaData

---@class pgvector.orm
local orm = {}

---Makes a base for models.
---@param options? pgvector.BaseOptions
---@return pgvector.DeclarativeBase
function orm.declarative_base(options) end

---Makes a factory of sessions.
---@param options? pgvector.SessionOptions
---@return pgvector.SessionMaker
function orm.sessionmaker(options) end

---Makes a session.
---@param bind pgvector.Bind
---@param options? pgvector.SessionOptions
---@return pgvector.Session
function orm.Session(bind, options) end

---An attribute that holds related objects.
---@param target string|pgvector.Model|fun(): pgvector.Model
---@param options? pgvector.RelationshipOptions
---@return pgvector.Relationship
function orm.relationship(target, options) end

---Makes models, with their relationships, of tables that exist.
---@param metadata pgvector.MetaData
---@param options? pgvector.AutomapOptions
---@return pgvector.DeclarativeBase
function orm.automap(metadata, options) end

---A model under another name in a statement.
---@param x pgvector.Target
---@param name? string|pgvector.From or, for a model, a subquery that selects it
---@return any
function orm.aliased(x, name) end

---Loads with the statement, by an outer join.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.joinedload(relationship) end

---Loads by one more query for all objects.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.selectinload(relationship) end

---Loads when it is read.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.lazyload(relationship) end

---Makes reading it an error.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.raiseload(relationship) end

---Leaves it empty.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.noload(relationship) end

---Takes the columns of a join that the statement makes itself.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.contains_eager(relationship) end

---Loads these columns and the key at once.
---@param ... pgvector.ColumnElement
---@return pgvector.LoaderOption
function orm.load_only(...) end

---Loads these columns when they are read.
---@param ... pgvector.ColumnElement
---@return pgvector.LoaderOption
function orm.defer(...) end

---Loads these deferred columns at once.
---@param ... pgvector.ColumnElement
---@return pgvector.LoaderOption
function orm.undefer(...) end

---Loads the deferred columns of a group at once.
---@param name string
---@return pgvector.LoaderOption
function orm.undefer_group(name) end

---Leaves a relationship as it is, and goes on to what it leads to.
---@param relationship pgvector.Relationship
---@return pgvector.LoaderOption
function orm.defaultload(relationship) end

---Loads what lies in the tables of models that inherit, with one more query for each of them.
---@param model pgvector.Model
---@param models pgvector.Model[]|"*"
---@return pgvector.LoaderOption
function orm.selectin_polymorphic(model, models) end

---A model to select from whose query reads the tables of models that inherit from it, too.
---@param model pgvector.Model
---@param models pgvector.Model[]|"*"
---@return pgvector.Model
function orm.with_polymorphic(model, models) end

---A condition for all rows of a model that a statement reads.
---@param model pgvector.Model
---@param condition pgvector.ColumnElement|fun(model: pgvector.Model): pgvector.ColumnElement
---@return any
function orm.with_loader_criteria(model, condition) end

---An attribute that is computed: in Lua for an object, by an expression in SQL.
---@param options table|fun(it: any): any `get(object)`, `expr(Model)`, `set(object, value)`
---@return any
function orm.hybrid(options) end

---An attribute that an expression computes, loaded with the object.
---@param expression any an expression, a select, or a function of the model
---@param options? { deferred?: boolean, deferred_group?: string }
---@return any
function orm.column_property(expression, options) end

---Another name of an attribute.
---@param name string
---@return any
function orm.synonym(name) end

---Several columns as one value.
---@param make any a function of the columns' values
---@param ... string the attributes
---@return any
function orm.composite(make, ...) end

---The embeddings that a pgai vectorizer makes of a model's rows.
---@param options table `dimensions`, `target_schema`, `target_table`, `parent_kwargs`; see docs/vectorizer.md
---@return any
function orm.vectorizer_relationship(options) end

---Models for all tables that have a primary key.
---@param metadata pgvector.MetaData
---@return pgvector.DeclarativeBase with the models in `classes`
function orm.automap(metadata) end

---Sessions by scope.
---@param factory pgvector.SessionMaker
---@param key_fn? fun(): any what a session belongs to; by default the running coroutine
---@return pgvector.ScopedSession
function orm.scoped_session(factory, key_fn) end

---The session that an object is in.
---@param object table
---@return pgvector.Session|nil
function orm.object_session(object) end

---A plain table of an object, without vectors and deferred columns.
---@param object table
---@param options? { only?: string[], exclude?: string[], include?: string[], null?: any }
---@return table
function orm.to_table(object, options) end

---Marks an attribute as changed.
---@param object table
---@param key string
function orm.flag_modified(object, key) end

---`pg.migrate`: migrations.
---@class pgvector.migrate
local migrate = {}

---Makes a project of migrations.
---@param options pgvector.MigrateOptions
---@return pgvector.Migrator
function migrate.config(options) end

---Reads a configuration file; `options` take precedence over it.
---@param path string
---@param options? pgvector.MigrateOptions
---@return pgvector.Migrator
function migrate.load(path, options) end

---Adds an operation made of others, `op.<kind>`.
---@param kind string
---@param of { apply: fun(op: pgvector.Op, ...), reverse?: fun(op: pgvector.Op, ...) }
function migrate.register(kind, of) end

---@class pgvector.MigrateOptions
---@field url? any where the database is, as for create_engine
---@field engine? pgvector.Engine
---@field connection? pgvector.Connection
---@field script_location? string "migrations"
---@field version_locations? string[] directories of revision files
---@field template? string a file that revision files are made from
---@field target_metadata? pgvector.MetaData|pgvector.MetaData[]
---@field include_object? fun(object: any, name: string, kind: string, reflected: boolean, compare_to: any): boolean
---@field include_name? fun(name: string, kind: string, parents: table): boolean
---@field include_schemas? boolean|string[]|fun(name: string): boolean
---@field compare_type? boolean|function
---@field compare_server_default? boolean|function
---@field process_revision_directives? fun(directives: table[])
---@field render_item? fun(operation: table, indent: string): string?
---@field format? string|fun(path: string) a command with `%s` for the new file
---@field on_version_apply? function|function[]
---@field version_table? string "alembic_version"
---@field version_table_schema? string
---@field transaction_per_migration? boolean true
---@field lock_timeout? string|number
---@field lock_attempts? integer attempts of a migration that does not get a lock in time, 1
---@field lock_wait? number seconds to wait for another migrator, 60
---@field x? table
---@field report? fun(step: table)
---@field build_progress? fun(name: string): table

---What is known of a revision.
---@class pgvector.Revision
---@field revision string
---@field down_revision string[]
---@field depends_on string[]
---@field branch_labels string[]
---@field next string[] the revisions that follow
---@field message string
---@field path string
---@field is_head boolean
---@field is_branch_point boolean
---@field is_merge boolean

---@class pgvector.RevisionOptions
---@field message? string
---@field autogenerate? boolean
---@field head? string the revision that it follows
---@field splice? boolean that one may have followers already
---@field branch_label? string|string[]
---@field depends_on? string|string[]
---@field rev_id? string
---@field version_path? string

---A project of migrations.
---@class pgvector.Migrator
local Migrator = {}

---Makes the project's files; those that are there stay.
---@param options? { directory?: string }
---@return string[] paths
function Migrator:init(options) end

---Writes a new revision file.
---@param options pgvector.RevisionOptions
---@return { revision: string, path: string, message: string, operations: table[], remarks: string[] }?
function Migrator:revision(options) end

---Writes a revision that joins several.
---@param revisions string|string[]
---@param options? { message?: string, branch_label?: string|string[], rev_id?: string, version_path?: string }
---@return { revision: string, path: string, message: string }?
function Migrator:merge(revisions, options) end

---Applies revisions.
---@param target string "head", "heads", an id, "+1", "label@head", …
---@param options? { sql?: boolean, output?: fun(text: string), tag?: string, dry_run?: boolean }
---@return string[]|string? ids of what ran, or the script
function Migrator:upgrade(target, options) end

---Takes revisions back.
---@param target string "base", an id, "-1", …
---@param options? { sql?: boolean, output?: fun(text: string), tag?: string, dry_run?: boolean }
---@return string[]|string? ids of what ran, or the script
function Migrator:downgrade(target, options) end

---Writes down what the database has, and runs nothing.
---@param targets string|string[]
---@param options? { purge?: boolean, sql?: boolean, output?: fun(text: string), tag?: string }
---@return string[]|string?
function Migrator:stamp(targets, options) end

---Creates the version table where it is missing.
function Migrator:ensure_version() end

---What the database has.
---@return pgvector.Revision[]
function Migrator:current() end

---The revisions, newest first.
---@param range? string "from:to"
---@return pgvector.Revision[]
function Migrator:history(range) end

---The revisions that nothing follows.
---@return pgvector.Revision[]
function Migrator:heads() end

---The revisions that several follow.
---@return pgvector.Revision[]
function Migrator:branches() end

---What is known of revisions.
---@param name string
---@return pgvector.Revision[]
function Migrator:show(name) end

---Opens a revision file in an editor.
---@param name string
---@param options? { editor?: string }
---@return string path
function Migrator:edit(name, options) end

---What would make the database what the models say.
---@return table[] operations
---@return string[] remarks
function Migrator:check() end

---What a migration's functions get as `op`; called with dots.
---@class pgvector.Op
local op = {}

---Creates a table; the result can be given to bulk_insert.
---@param name string
---@param items table[]
---@param options? table
---@return pgvector.Table
function op.create_table(name, items, options) end

---Drops a table.
---@param name string
---@param options? { schema?: string, if_exists?: boolean, cascade?: boolean }
function op.drop_table(name, options) end

---Renames a table.
---@param name string
---@param new_name string
---@param options? { schema?: string }
function op.rename_table(name, new_name, options) end

---Sets a table's comment.
---@param name string
---@param comment string
---@param options? { existing_comment?: string, schema?: string }
function op.create_table_comment(name, comment, options) end

---Removes a table's comment.
---@param name string
---@param options? { existing_comment?: string, schema?: string }
function op.drop_table_comment(name, options) end

---Adds a column.
---@param table_name string
---@param column pgvector.Column
---@param options? { schema?: string, if_not_exists?: boolean }
function op.add_column(table_name, column, options) end

---Drops a column.
---@param table_name string
---@param column_name string
---@param options? { schema?: string, if_exists?: boolean, cascade?: boolean }
function op.drop_column(table_name, column_name, options) end

---Changes a column; what is not named stays.
---@param table_name string
---@param column_name string
---@param changes table
function op.alter_column(table_name, column_name, changes) end

---Creates an index.
---@param name string
---@param table_name string
---@param elements any[]
---@param options? table
function op.create_index(name, table_name, elements, options) end

---Drops an index.
---@param name string
---@param table_name? string|table
---@param options? { concurrently?: boolean, if_exists?: boolean, cascade?: boolean, schema?: string }
function op.drop_index(name, table_name, options) end

---Renames an index.
---@param name string
---@param new_name string
---@param options? { schema?: string }
function op.rename_index(name, new_name, options) end

---Builds an index anew.
---@param name string
---@param options? table concurrently, maintenance_work_mem, parallel_workers, schema
function op.reindex(name, options) end

---Sets storage options of an index.
---@param name string
---@param with table
---@param options? { existing?: table, schema?: string }
function op.set_index_options(name, with, options) end

---Creates an HNSW index.
---@param name string
---@param table_name string
---@param element any
---@param options table
function op.create_hnsw_index(name, table_name, element, options) end

---Creates an IVFFlat index.
---@param name string
---@param table_name string
---@param element any
---@param options table
function op.create_ivfflat_index(name, table_name, element, options) end

---Changes the type of a vector column, and its indexes with it.
---@param table_name string
---@param column_name string
---@param type pgvector.Type
---@param options? table existing_type, strategy, using, indexes, schema
function op.alter_vector(table_name, column_name, type, options) end

---Adds UNIQUE.
---@param name string
---@param table_name string
---@param columns string[]
---@param options? table
function op.create_unique_constraint(name, table_name, columns, options) end

---Adds PRIMARY KEY.
---@param name string
---@param table_name string
---@param columns string[]
---@param options? table
function op.create_primary_key(name, table_name, columns, options) end

---Adds CHECK.
---@param name string
---@param table_name string
---@param condition any
---@param options? table
function op.create_check_constraint(name, table_name, condition, options) end

---Adds FOREIGN KEY.
---@param name string
---@param source string
---@param referent string
---@param columns string[]
---@param referred_columns string[]
---@param options? table
function op.create_foreign_key(name, source, referent, columns, referred_columns, options) end

---Adds EXCLUDE.
---@param name string
---@param table_name string
---@param elements any[]
---@param options? table
function op.create_exclude_constraint(name, table_name, elements, options) end

---Drops a constraint.
---@param name string
---@param table_name string
---@param options? { schema?: string, if_exists?: boolean, cascade?: boolean, type?: string }
function op.drop_constraint(name, table_name, options) end

---Checks the rows that a NOT VALID constraint has not seen.
---@param name string
---@param table_name string
---@param options? { schema?: string }
function op.validate_constraint(name, table_name, options) end

---Renames a constraint.
---@param name string
---@param new_name string
---@param table_name string
---@param options? { schema?: string }
function op.rename_constraint(name, new_name, table_name, options) end

---Creates an extension.
---@param name string
---@param options? { schema?: string, version?: string, if_not_exists?: boolean }
function op.create_extension(name, options) end

---Drops an extension, never with what depends on it.
---@param name string
---@param options? { if_exists?: boolean }
function op.drop_extension(name, options) end

---Updates or moves an extension.
---@param name string
---@param options { update?: boolean|string, schema?: string }
function op.alter_extension(name, options) end

---Stops where an extension is missing or too old.
---@param name string
---@param version? string
function op.require_extension(name, version) end

---Creates a schema.
---@param name string
---@param options? { if_not_exists?: boolean }
function op.create_schema(name, options) end

---Drops a schema.
---@param name string
---@param options? { if_exists?: boolean, cascade?: boolean }
function op.drop_schema(name, options) end

---Creates an enum type.
---@param name string
---@param labels string[]
---@param options? { schema?: string }
function op.create_enum(name, labels, options) end

---Drops an enum type.
---@param name string
---@param options? { schema?: string, if_exists?: boolean, labels?: string[] }
function op.drop_enum(name, options) end

---Adds a label to an enum type.
---@param name string
---@param label string
---@param options? { before?: string, after?: string, if_not_exists?: boolean, schema?: string }
function op.add_enum_value(name, label, options) end

---Creates a sequence.
---@param name string
---@param options? table
function op.create_sequence(name, options) end

---Drops a sequence.
---@param name string
---@param options? { if_exists?: boolean, cascade?: boolean, schema?: string }
function op.drop_sequence(name, options) end

---Creates a view.
---@param name string
---@param query any
---@param options? { materialized?: boolean, replace?: boolean, existing?: any, schema?: string }
function op.create_view(name, query, options) end

---Drops a view.
---@param name string
---@param options? { materialized?: boolean, if_exists?: boolean, cascade?: boolean, query?: any, schema?: string }
function op.drop_view(name, options) end

---Creates a vectorizer of pgai.
---@param options table
function op.create_vectorizer(options) end

---Drops a vectorizer of pgai.
---@param options { name?: string, id?: integer, drop_all?: boolean }
function op.drop_vectorizer(options) end

---Runs SQL text or a statement.
---@param statement any
---@param options? { reverse?: any }
function op.execute(statement, options) end

---Inserts rows.
---@param table any
---@param rows table[]
function op.bulk_insert(table, rows) end

---Limits the waiting for locks, in this transaction.
---@param time string|number|false
function op.lock_timeout(time) end

---Limits the time of a statement, in this transaction.
---@param time string|number|false
function op.statement_timeout(time) end

---Commits, calls `fn` without a transaction, begins a new one.
---@param fn fun()
function op.autocommit(fn) end

---The connection.
---@return pgvector.Connection
function op.get_bind() end

---What runs: `{ offline, dry_run, revision, direction, x }`.
---@return table
function op.get_context() end

---A name that is final.
---@param name string
---@return any
function op.f(name) end

---As pg.migrate.register.
---@param kind string
---@param of table
function op.register(kind, of) end

---`pg.json`: how JSON columns are read and written.
---@class pgvector.json
---@field null table JSON's null as a whole document
local json = {}

---Chooses the codec; nil for the default.
---@param codec? { encode: function, decode: function }
function json.use(codec) end

---Writes JSON text.
---@param value any
---@return string
function json.encode(value) end

---Reads JSON text.
---@param text string
---@return any
function json.decode(text) end

---Marks a table as a JSON array.
---@param t? table
---@return table
function json.array(t) end

---Marks a table as a JSON object.
---@param t? table
---@return table
function json.object(t) end

--------------------------------------------------------------------------------
-- The module

---What `require "pgvector"` returns.
---@class pgvector
---@field _VERSION string
---@field vector pgvector.VectorConstructor
---@field new pgvector.VectorConstructor the same as vector
---@field halfvec pgvector.HalfvecConstructor
---@field sparsevec pgvector.SparsevecConstructor
---@field bit pgvector.BitConstructor
---@field null lightuserdata NULL
---@field orm pgvector.orm
---@field json pgvector.json
---@field migrate pgvector.migrate
---@field func table<string, fun(...): pgvector.Function> any SQL function: `func.lower(x)`
---@field default pgvector.ColumnElement the word DEFAULT
---@field SmallInteger pgvector.Type SMALLINT
---@field Integer pgvector.Type INTEGER
---@field BigInteger pgvector.Type BIGINT
---@field Real pgvector.Type REAL
---@field Double pgvector.Type DOUBLE PRECISION
---@field Float pgvector.Type FLOAT(p)
---@field Numeric pgvector.Type NUMERIC(p, s)
---@field Boolean pgvector.Type BOOLEAN
---@field Text pgvector.Type TEXT
---@field String pgvector.Type VARCHAR(n)
---@field CHAR pgvector.Type CHAR(n)
---@field CITEXT pgvector.Type CITEXT
---@field LargeBinary pgvector.Type BYTEA
---@field DateTime pgvector.Type TIMESTAMP; `DateTime { timezone = true }`
---@field Date pgvector.Type DATE
---@field Time pgvector.Type TIME
---@field Interval pgvector.Type INTERVAL
---@field UUID pgvector.Type UUID
---@field JSON pgvector.Type JSON; `JSON { track = "reassign" }`
---@field JSONB pgvector.Type JSONB; `JSONB { track = "reassign" }`
---@field ARRAY pgvector.Type `ARRAY(T)`
---@field Enum pgvector.Type `Enum { "a", "b", name = "mood" }`
---@field TSVECTOR pgvector.Type TSVECTOR
---@field TSQUERY pgvector.Type TSQUERY
---@field REGCONFIG pgvector.Type REGCONFIG
---@field INET pgvector.Type INET
---@field CIDR pgvector.Type CIDR
---@field MACADDR pgvector.Type MACADDR
---@field VECTOR pgvector.Type VECTOR(n)
---@field Vector pgvector.Type the same as VECTOR
---@field HALFVEC pgvector.Type HALFVEC(n)
---@field SPARSEVEC pgvector.Type SPARSEVEC(n)
---@field BIT pgvector.Type BIT(n)
---@field VARBIT pgvector.Type VARBIT(n)
---@field OID pgvector.Type OID
---@field HSTORE pgvector.Type HSTORE
---@field INT4RANGE pgvector.Type INT4RANGE
---@field INT4MULTIRANGE pgvector.Type INT4MULTIRANGE
---@field INT8RANGE pgvector.Type INT8RANGE
---@field INT8MULTIRANGE pgvector.Type INT8MULTIRANGE
---@field NUMRANGE pgvector.Type NUMRANGE
---@field NUMMULTIRANGE pgvector.Type NUMMULTIRANGE
---@field DATERANGE pgvector.Type DATERANGE
---@field DATEMULTIRANGE pgvector.Type DATEMULTIRANGE
---@field TSRANGE pgvector.Type TSRANGE
---@field TSMULTIRANGE pgvector.Type TSMULTIRANGE
---@field TSTZRANGE pgvector.Type TSTZRANGE
---@field TSTZMULTIRANGE pgvector.Type TSTZMULTIRANGE
---@field Type pgvector.Type any other type, by its SQL
---@field TypeDecorator pgvector.Type `TypeDecorator { impl=, bind=, result=, null= }`
local pg = {}

---The type's name of a value, or nil.
---@param x any
---@return "vector"|"halfvec"|"sparsevec"|"bit"|nil
function pg.is_vector(x) end

---The distances from `q`, in the order of the list.
---@param q any
---@param list any[]
---@param metric pgvector.Metric
---@return number[]
function pg.distances(q, list, metric) end

---Up to `k` of the list, the nearest first.
---@param q any
---@param list any[]
---@param k integer
---@param metric pgvector.Metric
---@return { index: integer, distance: number }[]
function pg.top_k(q, list, k, metric) end

---Up to `k` indices, by maximal marginal relevance.
---@param q any
---@param list any[]
---@param k integer
---@param options? { lambda?: number, metric?: pgvector.Metric }
---@return integer[]
function pg.mmr(q, list, k, options) end

---Is it one of our errors, of this kind?
---@param value any
---@param what? string a class, a SQLSTATE or a condition's name
---@return boolean
function pg.is_error(value, what) end

---Calls `f(...)`; an error becomes `nil, err`.
---@param f function
---@param ... any
---@return any
function pg.try(f, ...) end

---Makes an engine; nothing is connected yet.
---@param target string|table a URL, a keyword string, or libpq's keywords
---@param options? pgvector.EngineOptions
---@return pgvector.Engine
function pg.create_engine(target, options) end

---The text form, as the rock `pgvector` names it.
---@param v pgvector.Value|number[]
---@return string
function pg.serialize(v) end

---A vector from its text form.
---@param text string
---@return pgvector.Vector
function pg.deserialize(text) end

---Teaches a connected pgmoon object our values.
---@param pgmoon table
function pg.setup_vector(pgmoon) end

---SELECT.
---@param ... any columns, expressions, tables, models
---@return pgvector.Select
function pg.select(...) end

---Rows by the nearness of a vector and by full text at once, merged by reciprocal rank fusion.
---@param entity any a model, its alias or a table
---@param options { vector: table, text: table, k?: number, limit?: integer, candidates?: integer, where?: table }
---@return pgvector.Select
function pg.hybrid_search(entity, options) end

---INSERT.
---@param target pgvector.Target
---@return pgvector.Insert
function pg.insert(target) end

---UPDATE.
---@param target pgvector.Target
---@return pgvector.Update
function pg.update(target) end

---DELETE.
---@param target pgvector.Target
---@return pgvector.Delete
function pg.delete(target) end

---SQL by hand.
---@param sql string
---@param values? table<string, any>
---@return pgvector.Text
function pg.text(sql, values) end

---Rows of values in FROM.
---@param columns any[]
---@param rows any[][]
---@param name? string
---@return pgvector.From
function pg.values(columns, rows, name) end

---`avg(x)`; keeps a vector type.
---@param x any
---@return pgvector.Function
function pg.avg(x) end

---`sum(x)`; keeps a vector type.
---@param x any
---@return pgvector.Function
function pg.sum(x) end

---A window with a name, for several functions.
---@param name string
---@param options? pgvector.OverOptions
---@return table
function pg.window(name, options) end

---`a AND b AND …`.
---@param ... pgvector.ColumnElement
---@return pgvector.ColumnElement
function pg.and_(...) end

---`a OR b OR …`.
---@param ... pgvector.ColumnElement
---@return pgvector.ColumnElement
function pg.or_(...) end

---`NOT a`.
---@param condition pgvector.ColumnElement
---@return pgvector.ColumnElement
function pg.not_(condition) end

---The constant `true`.
---@return pgvector.ColumnElement
function pg.true_() end

---The constant `false`.
---@return pgvector.ColumnElement
function pg.false_() end

---`EXISTS (SELECT …)`.
---@param ... any a select, or columns and tables
---@return pgvector.Exists
function pg.exists(...) end

---A value as a parameter of its own.
---@param value any
---@param type? pgvector.Type
---@return pgvector.ColumnElement
function pg.literal(value, type) end

---SQL text as a column; never from a user.
---@param sql string
---@param type? pgvector.Type
---@return pgvector.ColumnElement
function pg.literal_column(sql, type) end

---A named parameter.
---@param name string
---@param options? { type?: pgvector.Type, value?: any, required?: boolean }
---@return pgvector.ColumnElement
function pg.bindparam(name, options) end

---`CASE …`.
---@param branches table `{ { condition, result }, …, else_ =, value = }`
---@return pgvector.ColumnElement
function pg.case(branches) end

---`CAST(x AS type)`.
---@param x any
---@param type pgvector.Type
---@return pgvector.ColumnElement
function pg.cast(x, type) end

---The same SQL, of another type in Lua.
---@param x any
---@param type pgvector.Type
---@return pgvector.ColumnElement
function pg.type_coerce(x, type) end

---`EXTRACT(field FROM x)`.
---@param field string
---@param x any
---@return pgvector.ColumnElement
function pg.extract(field, x) end

---`(a, b, …)`.
---@param ... any
---@return pgvector.ColumnElement
function pg.tuple(...) end

---`ARRAY[a, b, …]`.
---@param list any[]
---@param type? pgvector.Type of the elements
---@return pgvector.ColumnElement
function pg.array(list, type) end

---`ANY(x)`.
---@param x any a select or an array
---@return pgvector.ColumnElement
function pg.any_(x) end

---`ALL(x)`.
---@param x any a select or an array
---@return pgvector.ColumnElement
function pg.all_(x) end

---`x ASC`.
---@param x pgvector.ColumnElement|string
---@return pgvector.ColumnElement
function pg.asc(x) end

---`x DESC`.
---@param x pgvector.ColumnElement|string
---@return pgvector.ColumnElement
function pg.desc(x) end

---`x NULLS FIRST`.
---@param x pgvector.ColumnElement|string
---@return pgvector.ColumnElement
function pg.nulls_first(x) end

---`x NULLS LAST`.
---@param x pgvector.ColumnElement|string
---@return pgvector.ColumnElement
function pg.nulls_last(x) end

---`x BETWEEN low AND high`.
---@param x any
---@param low any
---@param high any
---@return pgvector.ColumnElement
function pg.between(x, low, high) end

---`x COLLATE name`.
---@param x any
---@param collation string
---@return pgvector.ColumnElement
function pg.collate(x, collation) end

---`x AS name`.
---@param x any
---@param name string
---@return pgvector.ColumnElement
function pg.label(x, name) end

---A column without a table.
---@param name string
---@param type? pgvector.Type
---@return pgvector.ColumnElement
function pg.column(name, type) end

---A table that no metadata knows.
---@param name string
---@param ... any columns or their names
---@return pgvector.From
function pg.table(name, ...) end

---A table or subquery under another name.
---@param x pgvector.Target
---@param name? string
---@return pgvector.From
function pg.alias(x, name) end

---An attribute or method of an object whose model is not known.
---@param object table
---@param key string
---@param default? any if the model has no such attribute
---@return any
function pg.getattr(object, key, default) end

---The same as `pg.orm.aliased`.
---@param x pgvector.Target
---@param name? string|pgvector.From or, for a model, a subquery that selects it
---@return any
function pg.aliased(x, name) end

---`left JOIN right`.
---@param left pgvector.Target
---@param right pgvector.Target
---@param condition? pgvector.ColumnElement
---@param options? table
---@return pgvector.From
function pg.join(left, right, condition, options) end

---`left LEFT OUTER JOIN right`.
---@param left pgvector.Target
---@param right pgvector.Target
---@param condition? pgvector.ColumnElement
---@return pgvector.From
function pg.outerjoin(left, right, condition) end

---`x TABLESAMPLE sampling`.
---@param x pgvector.Target
---@param sampling pgvector.Function
---@param options? { name?: string, seed?: any }
---@return pgvector.From
function pg.tablesample(x, sampling, options) end

---UNION of selects.
---@param ... pgvector.Query
---@return pgvector.Query
function pg.union(...) end

---UNION ALL of selects.
---@param ... pgvector.Query
---@return pgvector.Query
function pg.union_all(...) end

---INTERSECT of selects.
---@param ... pgvector.Query
---@return pgvector.Query
function pg.intersect(...) end

---INTERSECT ALL of selects.
---@param ... pgvector.Query
---@return pgvector.Query
function pg.intersect_all(...) end

---EXCEPT of selects.
---@param ... pgvector.Query
---@return pgvector.Query
function pg.except(...) end

---EXCEPT ALL of selects.
---@param ... pgvector.Query
---@return pgvector.Query
function pg.except_all(...) end

---A collection of tables.
---@param options? { schema?: string, naming_convention?: any, extensions?: string[], info?: table }
---@return pgvector.MetaData
function pg.MetaData(options) end

---A table.
---@param name string
---@param metadata pgvector.MetaData
---@param items any[]
---@param options? table
---@return pgvector.Table
function pg.Table(name, metadata, items, options) end

---An inspector of a database.
---@param bind pgvector.Bind
---@return pgvector.Inspector
function pg.inspect(bind) end

---A column.
---@param options pgvector.ColumnOptions
---@return pgvector.Column
function pg.Column(options) end

---The foreign key of one column.
---@param target string|pgvector.Column `"table.column"`
---@param options? table
---@return pgvector.Constraint
function pg.ForeignKey(target, options) end

---`GENERATED … AS IDENTITY`.
---@param options? table
---@return table
function pg.Identity(options) end

---`GENERATED ALWAYS AS (…)`.
---@param sql any SQL text or an expression
---@param options? { stored?: boolean }
---@return table
function pg.Computed(sql, options) end

---A sequence, which may feed a column's default.
---@param name string
---@param options? table
---@return pgvector.Sequence
function pg.Sequence(name, options) end

---PRIMARY KEY.
---@param ... any columns, then options
---@return pgvector.Constraint
function pg.PrimaryKeyConstraint(...) end

---UNIQUE.
---@param ... any columns, then options
---@return pgvector.Constraint
function pg.UniqueConstraint(...) end

---CHECK.
---@param condition any SQL text or an expression
---@param options? table
---@return pgvector.Constraint
function pg.CheckConstraint(condition, options) end

---FOREIGN KEY.
---@param columns any[]
---@param targets any[]
---@param options? table
---@return pgvector.ForeignKeyConstraint
function pg.ForeignKeyConstraint(columns, targets, options) end

---EXCLUDE.
---@param elements any[][] `{ element, operator }`
---@param options? table
---@return pgvector.Constraint
function pg.ExcludeConstraint(elements, options) end

---An index.
---@param name? string
---@param ... any columns, names or expressions, then options
---@return pgvector.Index
function pg.Index(name, ...) end

---An HNSW index.
---@param element any a column, its name or an expression
---@param options pgvector.HNSWOptions
---@return pgvector.Index
function pg.HNSW(element, options) end

---An IVFFlat index.
---@param element any a column, its name or an expression
---@param options pgvector.IVFFlatOptions
---@return pgvector.Index
function pg.IVFFlat(element, options) end

---`CREATE TABLE`.
---@param table pgvector.Table
---@param options? table
---@return pgvector.DDL
function pg.CreateTable(table, options) end

---`DROP TABLE`.
---@param table pgvector.Table
---@param options? table
---@return pgvector.DDL
function pg.DropTable(table, options) end

---`CREATE INDEX`.
---@param index pgvector.Index
---@param options? table
---@return pgvector.DDL
function pg.CreateIndex(index, options) end

---`DROP INDEX`.
---@param index pgvector.Index
---@param options? table
---@return pgvector.DDL
function pg.DropIndex(index, options) end

---`ALTER TABLE … ADD CONSTRAINT`.
---@param constraint pgvector.Constraint
---@return pgvector.DDL
function pg.AddConstraint(constraint) end

---`ALTER TABLE … DROP CONSTRAINT`.
---@param constraint pgvector.Constraint
---@param options? table
---@return pgvector.DDL
function pg.DropConstraint(constraint, options) end

---`CREATE SCHEMA`.
---@param name string
---@param options? table
---@return pgvector.DDL
function pg.CreateSchema(name, options) end

---`DROP SCHEMA`.
---@param name string
---@param options? table
---@return pgvector.DDL
function pg.DropSchema(name, options) end

---CREATE EXTENSION.
---@param name string
---@param options? { if_not_exists?: boolean, schema?: string, version?: string }
---@return pgvector.DDL
function pg.CreateExtension(name, options) end

---DROP EXTENSION.
---@param name string
---@param options? { if_exists?: boolean }
---@return pgvector.DDL
function pg.DropExtension(name, options) end

---A view: a select under a name in the database.
---@param name string
---@param query pgvector.Query
---@param options? { schema?: string, materialized?: boolean, comment?: string }
---@return pgvector.View
function pg.View(name, query, options) end

---CREATE VIEW.
---@param view pgvector.View
---@param options? { or_replace?: boolean, if_not_exists?: boolean }
---@return pgvector.DDL
function pg.CreateView(view, options) end

---DROP VIEW.
---@param view pgvector.View
---@param options? { if_exists?: boolean, cascade?: boolean }
---@return pgvector.DDL
function pg.DropView(view, options) end

---SQL text that defines something, also as a listener of a table's events.
---@param sql string `%(table)s`, `%(schema)s`, `%(fullname)s`: the table's names
---@return pgvector.RawDDL
function pg.DDL(sql) end

---Calls a function whenever something happens; see docs/events.md.
---@generic F
---@param target any an engine, a session or factory, a model, an attribute, a table, metadata
---@param name string
---@param fn F
---@return F
function pg.listen(target, name, fn) end

---Ends what `listen` began.
---@param target any
---@param name string
---@param fn any
function pg.remove(target, name, fn) end

return pg
