--- Statements to SQL text.
-- @module pgvector.sql.compiler
local compiler = {}
return compiler
