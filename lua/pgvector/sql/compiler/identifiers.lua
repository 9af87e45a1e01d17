--- Names in SQL text, under the compiler's name: see pgvector.util.identifiers.
-- @module pgvector.sql.compiler.identifiers
return require "pgvector.util.identifiers"
